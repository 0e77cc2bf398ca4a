// The npm client @m-lab/ndt7 against a server: node ndt7_client.mjs HOST:PORT, run where the packages were installed. Prints what it measured as JSON.
// The client is written for browsers; what Node lacks of them (Worker, a global WebSocket there) is made here.
import {createRequire} from 'node:module';
import {Worker as Thread} from 'node:worker_threads';

const require = createRequire(process.cwd() + '/');

// In the thread: a global scope as a browser's worker has it, then the client's own worker script.
const scope = (script, sockets) => `
  const {parentPort} = require('node:worker_threads');
  globalThis.WebSocket = require(${JSON.stringify(sockets)});
  globalThis.self = globalThis;
  globalThis.postMessage = (message) => parentPort.postMessage(message);
  require('node:vm').runInThisContext(
    require('node:fs').readFileSync(${JSON.stringify(script)}, 'utf8'), {filename: ${JSON.stringify(script)}});
  parentPort.on('message', (data) => globalThis.onmessage && globalThis.onmessage({data}));`;

globalThis.Worker = class {
  constructor(file) {
    const script = require.resolve('@m-lab/ndt7').replace('ndt7.js', String(file));
    this.thread = new Thread(scope(script, require.resolve('ws')), {eval: true});
    this.thread.on('message', (data) => this.onmessage && this.onmessage({data}));
    this.thread.on('error', (error) => {
      console.error(error);
      if (this.onerror) this.onerror(error);
    });
  }
  postMessage(data) {
    this.thread.postMessage(data);
  }
  terminate() {
    this.thread.terminate();
  }
};

const seen = {download: {}, upload: {}, errors: []};
const note = (direction) => (data) => {
  seen[direction][data.Source] = data.Data;
};
const code = await require('@m-lab/ndt7').test(
  {server: process.argv[2], protocol: 'ws', userAcceptedDataPolicy: true},
  {
    downloadMeasurement: note('download'),
    uploadMeasurement: note('upload'),
    downloadComplete: (data) => (seen.download.complete = data),
    uploadComplete: (data) => (seen.upload.complete = data),
    error: (error) => seen.errors.push(String(error)),
  });
console.log(JSON.stringify({code, ...seen}));
process.exit(0);
