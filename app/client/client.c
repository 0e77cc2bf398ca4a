#include "netpas/client.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "json.h"

enum {
    USUAL_PATIENCE = 65000, /* milliseconds; a little more than the agent gives its own askers */
    LONGEST_PATIENCE = 600000,
    MOST_ANSWER = 1 << 20,
    MOST_HEAD = 16384,
    MOST_BODY = 4096, /* of a request */
    LONGEST_CLAIM = 256,
    LONGEST_KEY = 128
};

struct netpas_client {
    struct sockaddr_un socket;
    int patience;
    char code[64];
    char message[512];
    char hint[256];
};

typedef struct answer {
    unsigned status; /* of HTTP */
    char* text;      /* to free */
    np_json body;    /* inside it */
} answer;

const char* netpas_describe(netpas_status status) {
    switch (status) {
    case NETPAS_OK: return "done";
    case NETPAS_PENDING: return "somebody is asked";
    case NETPAS_DENIED: return "refused by the user's rules or answer";
    case NETPAS_UNANSWERED: return "nobody was there to be asked";
    case NETPAS_OVER_BUDGET: return "more than the user's limits allow";
    case NETPAS_NO_OFFER: return "nothing is sold on that way";
    case NETPAS_EXPIRED: return "the offer holds no more";
    case NETPAS_NOT_FOUND: return "there is no such purchase";
    case NETPAS_TOO_OFTEN: return "asked too often";
    case NETPAS_INVALID: return "the request makes no sense";
    case NETPAS_NOT_RUNNING: return "netpasd is not running";
    case NETPAS_NOT_ALLOWED: return "this user may not use netpasd";
    case NETPAS_TIMED_OUT: return "netpasd did not answer in time";
    case NETPAS_BROKEN: return "netpasd's answer was not understood";
    case NETPAS_NO_MEMORY: return "out of memory";
    case NETPAS_FAILED: return "netpasd could not do it";
    }
    return "unknown";
}

netpas_client* netpas_open(const char* socket) {
    if (socket == NULL) socket = getenv("NETPAS_SOCKET");
    if (socket == NULL || *socket == '\0') socket = "/run/netpas/netpasd.sock";
    netpas_client* const client = calloc(1, sizeof *client);
    if (client == NULL) return NULL;
    client->socket.sun_family = AF_UNIX;
    client->patience = USUAL_PATIENCE;
    const size_t length = strlen(socket);
    if (length >= sizeof client->socket.sun_path) {
        free(client);
        return NULL;
    }
    memcpy(client->socket.sun_path, socket, length + 1);
    return client;
}

void netpas_close(netpas_client* client) { free(client); }

void netpas_set_timeout(netpas_client* client, int milliseconds) {
    if (milliseconds < 1) milliseconds = 1;
    client->patience = milliseconds > LONGEST_PATIENCE ? LONGEST_PATIENCE : milliseconds;
}

const char* netpas_code(const netpas_client* client) { return client->code; }
const char* netpas_message(const netpas_client* client) { return client->message; }
const char* netpas_hint(const netpas_client* client) { return client->hint; }

static void forget(netpas_client* client) { client->code[0] = client->message[0] = client->hint[0] = '\0'; }

static netpas_status senseless(netpas_client* client, const char* why) {
    forget(client);
    snprintf(client->code, sizeof client->code, "INVALID_ARGUMENT");
    snprintf(client->message, sizeof client->message, "%s", why);
    return NETPAS_INVALID;
}

/* Milliseconds of a clock that is never set. */
static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (long long)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static netpas_status wait_for(int fd, short what, long long until) {
    for (;;) {
        const long long left = until - now();
        struct pollfd ready = {fd, what, 0};
        if (left <= 0) return NETPAS_TIMED_OUT;
        const int count = poll(&ready, 1, (int)left);
        if (count > 0) return NETPAS_OK;
        if (count < 0 && errno != EINTR) return NETPAS_BROKEN;
    }
}

static netpas_status connected(const netpas_client* client, long long until, int* fd) {
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0) return errno == ENOMEM || errno == ENOBUFS ? NETPAS_NO_MEMORY : NETPAS_FAILED;
    for (;;) {
        if (connect(*fd, (const struct sockaddr*)&client->socket, sizeof client->socket) == 0) return NETPAS_OK;
        if (errno == EACCES || errno == EPERM) return NETPAS_NOT_ALLOWED;
        /* Its queue of callers is full: Unix sockets have nothing to wait for then. */
        if (errno != EAGAIN && errno != EINTR) return NETPAS_NOT_RUNNING;
        if (now() >= until) return NETPAS_TIMED_OUT;
        const struct timespec moment = {0, 10 * 1000 * 1000};
        nanosleep(&moment, NULL);
    }
}

static netpas_status say(int fd, const char* text, size_t size, long long until) {
    while (size > 0) {
        const ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
        if (sent > 0) {
            text += sent;
            size -= (size_t)sent;
        } else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            const netpas_status waited = wait_for(fd, POLLOUT, until);
            if (waited != NETPAS_OK) return waited;
        } else if (errno != EINTR) {
            return NETPAS_BROKEN;
        }
    }
    return NETPAS_OK;
}

/* "content-length: 17" among the head's lines; false: there is none that makes sense. */
static bool length_in(const char* head, size_t* length) {
    static const char name[] = "content-length:";
    for (const char* line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        size_t i = 0;
        while (i < sizeof name - 1 && (line[i] | 0x20) == (name[i] | 0x20)) ++i;
        if (i < sizeof name - 1) continue;
        line += i;
        while (*line == ' ') ++line;
        if (*line < '0' || *line > '9') return false;
        size_t sum = 0;
        for (; *line >= '0' && *line <= '9'; ++line) {
            sum = sum * 10 + (size_t)(*line - '0');
            if (sum > MOST_ANSWER) return false;
        }
        *length = sum;
        return true;
    }
    return false;
}

/* "HTTP/1.1 200 OK"; 0: it is none. */
static unsigned status_in(const char* head) {
    unsigned status = 0;
    if (strncmp(head, "HTTP/1.", 7) != 0 || head[7] == '\0' || head[8] != ' ') return 0;
    for (int i = 9; i < 12; ++i) {
        if (head[i] < '0' || head[i] > '9') return 0;
        status = status * 10 + (unsigned)(head[i] - '0');
    }
    return status;
}

/* The whole answer in `*text`, to free by the caller whatever comes of it. */
static netpas_status hear(int fd, long long until, char** text, answer* heard) {
    size_t room = MOST_HEAD, used = 0, wanted = 0;
    char* body = NULL;
    if ((*text = malloc(room + 1)) == NULL) return NETPAS_NO_MEMORY;
    for (;;) {
        if (body != NULL && (size_t)(*text + used - body) >= wanted) break;
        if (used == room) return NETPAS_BROKEN; /* a head without end, or more than it said */
        const ssize_t got = recv(fd, *text + used, room - used, 0);
        if (got == 0) return NETPAS_BROKEN;
        if (got < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK) return NETPAS_BROKEN;
            const netpas_status waited = wait_for(fd, POLLIN, until);
            if (waited != NETPAS_OK) return waited;
            continue;
        }
        used += (size_t)got;
        (*text)[used] = '\0';
        char* const end = body == NULL ? strstr(*text, "\r\n\r\n") : NULL;
        if (end == NULL) continue;
        end[2] = '\0';
        heard->status = status_in(*text);
        if (heard->status == 0 || !length_in(*text, &wanted)) return NETPAS_BROKEN;
        const size_t head = (size_t)(end + 4 - *text);
        if (head + wanted > room) {
            room = head + wanted;
            char* const larger = realloc(*text, room + 1);
            if (larger == NULL) return NETPAS_NO_MEMORY;
            *text = larger;
        }
        body = *text + head;
    }
    heard->body = np_json_document(body, wanted);
    return heard->body.begin != NULL ? NETPAS_OK : NETPAS_BROKEN;
}

/* What the agent's refusal means; its words stay with the client. */
static netpas_status refusal(netpas_client* client, const answer* heard) {
    static const struct {
        const char* code;
        netpas_status status;
    } known[] = {{"QUOTA_EXCEEDED", NETPAS_OVER_BUDGET}, {"INSUFFICIENT_BALANCE", NETPAS_OVER_BUDGET},
                 {"EXPIRED", NETPAS_EXPIRED},            {"NO_OFFER", NETPAS_NO_OFFER},
                 {"NOT_JOINED", NETPAS_NO_OFFER},        {"RATE_LIMITED", NETPAS_TOO_OFTEN},
                 {"INVALID_ARGUMENT", NETPAS_INVALID},   {"CONFLICT", NETPAS_INVALID},
                 {"LOCKED", NETPAS_DENIED},              {"RESTRICTED", NETPAS_DENIED},
                 {"PAUSED", NETPAS_DENIED},              {"NOT_FOUND", NETPAS_NOT_FOUND},
                 {"NO_AGENT", NETPAS_UNANSWERED}, {"UNAUTHORIZED", NETPAS_NOT_ALLOWED}};
    np_json error = np_json_member(heard->body, "error");
    if (error.begin == NULL) error = heard->body;
    np_json_text(np_json_member(error, "code"), client->code, sizeof client->code);
    np_json_text(np_json_member(error, "message"), client->message, sizeof client->message);
    np_json_text(np_json_member(error, "hint"), client->hint, sizeof client->hint);
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
        if (strcmp(known[i].code, client->code) == 0) return known[i].status;
    }
    return NETPAS_FAILED;
}

/* One request and its answer, on a connection of its own. `heard->text` is to be freed in any case. */
static netpas_status exchange(netpas_client* client, const char* method, const char* path, const char* key,
                              const char* body, answer* heard) {
    char request[MOST_BODY + 1024];
    *heard = (answer){0, NULL, {NULL, NULL}};
    forget(client);
    const int length = snprintf(request, sizeof request,
                                "%s %s HTTP/1.1\r\nHost: netpas\r\nConnection: close\r\nAccept: application/json\r\n"
                                "%s%s%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                                method, path, key != NULL ? "Idempotency-Key: " : "", key != NULL ? key : "",
                                key != NULL ? "\r\n" : "", strlen(body), body);
    if (length < 0 || (size_t)length >= sizeof request) return senseless(client, "the request is too long");
    const long long until = now() + client->patience;
    int fd = -1;
    netpas_status done = connected(client, until, &fd);
    if (done == NETPAS_OK) done = say(fd, request, (size_t)length, until);
    if (done == NETPAS_OK) done = hear(fd, until, &heard->text, heard);
    if (fd >= 0) close(fd);
    if (done != NETPAS_OK) return done;
    if (heard->status >= 400) return refusal(client, heard);
    return heard->status >= 200 && heard->status < 300 ? NETPAS_OK : NETPAS_BROKEN;
}

static const char* flow_trouble(const netpas_flow* flow) {
    if (flow == NULL || flow->address == NULL || *flow->address == '\0') return "the flow has no address";
    if (strlen(flow->address) > 64) return "the flow's address is too long";
    if (flow->protocol != NULL && strlen(flow->protocol) > 16) return "there is no such protocol";
    return NULL;
}

static void write_flow(np_writer* writer, const netpas_flow* flow) {
    np_write_text(writer, "to", flow->address);
    np_write_text(writer, "protocol", flow->protocol);
    if (flow->port != 0) np_write_count(writer, "to_port", flow->port);
    if (flow->local_port != 0) np_write_count(writer, "from_port", flow->local_port);
    if (flow->incoming) np_write_text(writer, "direction", "incoming");
}

/* A text that may be missing or null. */
static bool optional_text(np_json object, const char* name, char* out, size_t size) {
    const np_json value = np_json_member(object, name);
    out[0] = '\0';
    return !np_json_is_string(value) || np_json_text(value, out, size);
}

static bool offer_in(np_json object, netpas_offer* offer) {
    memset(offer, 0, sizeof *offer);
    return optional_text(object, "id", offer->id, sizeof offer->id) &&
           np_json_text(np_json_member(object, "tier"), offer->tier, sizeof offer->tier) &&
           optional_text(object, "per_minute_at_most", offer->per_minute, sizeof offer->per_minute) &&
           optional_text(object, "valid_until", offer->valid_until, sizeof offer->valid_until) &&
           optional_text(object, "change", offer->change, sizeof offer->change);
}

netpas_status netpas_quote(netpas_client* client, const netpas_flow* flow, uint64_t bits_per_second,
                           netpas_offer* offers, size_t* count) {
    char body[MOST_BODY];
    np_writer writer;
    const char* const trouble = flow_trouble(flow);
    if (trouble != NULL) return senseless(client, trouble);
    if (offers == NULL || count == NULL || *count == 0) return senseless(client, "there is no room for offers");
    const size_t room = *count;
    np_write_begin(&writer, body, sizeof body);
    /* Ways to buy differ by flow only for what comes here. */
    if (flow->incoming) {
        write_flow(&writer, flow);
    } else {
        np_write_text(&writer, "to", flow->address);
    }
    np_write_count(&writer, "stream_bit_per_second", bits_per_second);
    if (!np_write_end(&writer)) return senseless(client, "the request is too long");
    answer heard;
    netpas_status done = exchange(client, "POST", "/v1/quotes", NULL, body, &heard);
    if (done == NETPAS_OK) {
        const np_json list = np_json_member(heard.body, "offers");
        size_t found = 0;
        np_json one = np_json_first(list);
        for (; one.begin != NULL && found < room && done == NETPAS_OK; one = np_json_next(list, one)) {
            if (offer_in(one, &offers[found])) {
                ++found;
            } else {
                done = NETPAS_BROKEN;
            }
        }
        if (done == NETPAS_OK && found == 0) done = NETPAS_BROKEN;
        if (done == NETPAS_OK) *count = found;
    }
    free(heard.text);
    return done;
}

static bool state_in(const char* text, netpas_purchase_state* state) {
    static const struct {
        const char* text;
        netpas_purchase_state state;
    } known[] = {{"requested", NETPAS_WAITS}, {"reserved", NETPAS_WAITS}, {"key ready", NETPAS_WAITS},
                 {"published", NETPAS_WAITS}, {"active", NETPAS_RUNS},    {"stopping", NETPAS_ENDS},
                 {"settling", NETPAS_ENDS},   {"settled", NETPAS_ENDED},  {"refused", NETPAS_REFUSED}};
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
        if (strcmp(known[i].text, text) != 0) continue;
        *state = known[i].state;
        return true;
    }
    return false;
}

/* Written to `out` only when all of it makes sense. */
static netpas_status purchase_in(np_json object, netpas_purchase* out) {
    netpas_purchase read;
    char state[32];
    memset(&read, 0, sizeof read);
    const np_json sent = np_json_member(object, "sent");
    const np_json reverse = np_json_member(object, "reverse");
    const bool good = np_json_text(np_json_member(object, "id"), read.id, sizeof read.id) && read.id[0] != '\0' &&
                      np_json_text(np_json_member(object, "state"), state, sizeof state) &&
                      state_in(state, &read.state) &&
                      np_json_text(np_json_member(sent, "amount"), read.spent, sizeof read.spent) &&
                      np_json_count(np_json_member(sent, "packets"), &read.packets) &&
                      np_json_count(np_json_member(object, "best_effort_packets"), &read.best_effort) &&
                      optional_text(object, "charged", read.charged, sizeof read.charged) &&
                      optional_text(object, "decision", read.decision, sizeof read.decision) &&
                      optional_text(object, "reason", read.reason, sizeof read.reason);
    if (!good) return NETPAS_BROKEN;
    /* For people, of any length: what does not fit is better missing than the rest. */
    (void)optional_text(object, "trouble", read.trouble, sizeof read.trouble);
    if (reverse.begin != NULL && *reverse.begin == '{' && read.state == NETPAS_ENDED && read.charged[0] == '\0')
        (void)optional_text(reverse, "charged", read.charged, sizeof read.charged);
    if (out != NULL) *out = read;
    return NETPAS_OK;
}

static const char* claim_trouble(const netpas_claim* claim) {
    if (claim == NULL) return NULL;
    const char* const words[] = {claim->purpose, claim->domain, claim->payee};
    for (size_t i = 0; i < sizeof words / sizeof *words; ++i) {
        if (words[i] != NULL && strlen(words[i]) > LONGEST_CLAIM) return "a claim is too long";
    }
    return NULL;
}

/* What may stand in a path or a header without a thought. */
static bool plain(const char* text, size_t longest) {
    const size_t length = text == NULL ? 0 : strlen(text);
    if (length == 0 || length > longest) return false;
    static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    return strspn(text, allowed) == length;
}

netpas_status netpas_buy(netpas_client* client, const netpas_flow* flow, const char* offer, const char* cap,
                         unsigned minutes, const netpas_claim* claim, const char* key, netpas_purchase* purchase) {
    char body[MOST_BODY];
    np_writer writer;
    const char* trouble = flow_trouble(flow);
    if (trouble == NULL) trouble = claim_trouble(claim);
    if (trouble == NULL && (cap == NULL || strlen(cap) > 32)) trouble = "there is no cap";
    if (trouble == NULL && (minutes == 0 || minutes > 30 * 24 * 60)) trouble = "minutes are from 1 to 43200";
    if (trouble == NULL && !plain(key, LONGEST_KEY)) trouble = "the key is not of 1 to 128 letters and digits";
    if (trouble == NULL && offer != NULL && (*offer == '\0' || strlen(offer) > 255)) trouble = "there is no such offer";
    if (trouble == NULL && purchase == NULL) trouble = "there is no room for the purchase";
    if (trouble != NULL) return senseless(client, trouble);
    np_write_begin(&writer, body, sizeof body);
    write_flow(&writer, flow);
    if (offer != NULL) {
        np_write_text(&writer, "offer", offer);
    } else {
        np_write_text(&writer, "class", "best");
    }
    np_write_text(&writer, "cap", cap);
    np_write_count(&writer, "duration_s", (uint64_t)minutes * 60);
    if (claim != NULL) {
        np_write_text(&writer, "purpose", claim->purpose);
        np_write_text(&writer, "domain", claim->domain);
        np_write_text(&writer, "payee", claim->payee);
        if (claim->attended) np_write_true(&writer, "attended");
    }
    if (!np_write_end(&writer)) return senseless(client, "the request is too long");
    answer heard;
    netpas_status done = exchange(client, "POST", "/v1/purchases", key, body, &heard);
    if (done == NETPAS_OK) done = purchase_in(heard.body, purchase);
    if (done == NETPAS_OK && purchase->decision[0] != '\0') done = NETPAS_PENDING;
    free(heard.text);
    return done;
}

static netpas_status about(netpas_client* client, const char* method, const char* id, netpas_purchase* purchase) {
    char path[64];
    if (!plain(id, 31)) return senseless(client, "there is no such purchase");
    snprintf(path, sizeof path, "/v1/purchases/%s", id);
    answer heard;
    netpas_status done = exchange(client, method, path, NULL, "", &heard);
    if (done == NETPAS_OK) done = purchase_in(heard.body, purchase);
    free(heard.text);
    return done;
}

netpas_status netpas_state(netpas_client* client, const char* id, netpas_purchase* purchase) {
    return purchase == NULL ? senseless(client, "there is no room for the purchase")
                            : about(client, "GET", id, purchase);
}

netpas_status netpas_stop(netpas_client* client, const char* id, netpas_purchase* purchase) {
    return about(client, "DELETE", id, purchase);
}
