/* libnetpas-client against an agent that says what it is told to, well and badly. In C, as its users are. */
#include <dlfcn.h>
#include <netpas/client.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int failures = 0;
#define CHECK(condition) \
    ((condition) ? (void)0 : (void)(++failures, fprintf(stderr, "%s:%d: %s: failed: %s\n", __FILE__, __LINE__, __func__, #condition)))

static char path[108];
static char asked[16384];   /* the last request */
static const char* answer;  /* what is said to it; null: nothing, and the connection stays open */
static size_t answer_size;
static int listener = -1;

static void* serve(void* nothing) {
    (void)nothing;
    for (;;) {
        const int fd = accept(listener, NULL, NULL);
        if (fd < 0) return NULL;
        size_t used = 0;
        for (;;) {
            const ssize_t got = recv(fd, asked + used, sizeof asked - 1 - used, 0);
            if (got <= 0) break;
            used += (size_t)got;
            asked[used] = '\0';
            const char* const body = strstr(asked, "\r\n\r\n");
            const char* const length = strstr(asked, "Content-Length: ");
            if (body != NULL && length != NULL && strlen(body + 4) >= (size_t)atol(length + 16)) break;
        }
        if (answer != NULL) {
            for (size_t sent = 0; sent < answer_size;) {
                const ssize_t more = send(fd, answer + sent, answer_size - sent, MSG_NOSIGNAL);
                if (more <= 0) break;
                sent += (size_t)more;
            }
            shutdown(fd, SHUT_WR);
        }
        char rest[256];
        while (recv(fd, rest, sizeof rest, 0) > 0) {
        }
        close(fd);
    }
}

static char said[1 << 17];

static void say_raw(const char* text) {
    answer = text;
    answer_size = strlen(text);
}

static void say(int status, const char* body) {
    snprintf(said, sizeof said, "HTTP/1.1 %d Whatever\r\nServer: x\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
    say_raw(said);
}

static const netpas_flow film = {.address = "192.0.2.10", .protocol = "tcp", .port = 443, .incoming = 1};

#define PURCHASE(state, more)                                                                                              \
    "{\"id\":\"17\",\"state\":\"" state "\",\"sent\":{\"packets\":12,\"bytes\":9,\"amount\":\"0.0000003\"},\"best_effort_packets\":3," \
    "\"charged\":null,\"decision\":null,\"reason\":\"\",\"trouble\":\"\"" more "}"

static void quotes_are_read(netpas_client* agent) {
    netpas_offer offers[4];
    size_t count = 4;
    say(200, "{\"to\":\"192.0.2.10\",\"offers\":[{\"tier\":\"best effort\",\"per_minute_at_most\":\"0\",\"change\":\"none\"},"
             "{\"id\":\"26-1_108_18\",\"tier\":\"most\",\"per_minute_at_most\":\"0.0004\",\"valid_until\":\"2031-01-31T18:00:00Z\","
             "\"change\":\"a \\u00e9\\ud83d\\ude00\",\"path\":[{\"isp\":26}]}]}");
    CHECK(netpas_quote(agent, &film, 5000000, offers, &count) == NETPAS_OK);
    CHECK(count == 2 && offers[0].id[0] == '\0' && strcmp(offers[1].id, "26-1_108_18") == 0);
    CHECK(strcmp(offers[1].per_minute, "0.0004") == 0 && strcmp(offers[1].change, "a \xc3\xa9\xf0\x9f\x98\x80") == 0);
    CHECK(strstr(asked, "POST /v1/quotes HTTP/1.1\r\n") == asked);
    CHECK(strstr(asked, "{\"to\":\"192.0.2.10\",\"protocol\":\"tcp\",\"to_port\":443,\"direction\":\"incoming\","
                        "\"stream_bit_per_second\":5000000}") != NULL);
    count = 1; /* less room than offers */
    CHECK(netpas_quote(agent, &film, 1, offers, &count) == NETPAS_OK && count == 1);
}

static void purchases_are_made(netpas_client* agent) {
    netpas_purchase bought;
    const netpas_claim claim = {.purpose = "video \"x\"\n\\", .domain = "example.net", .attended = 1};
    say(200, PURCHASE("active", ""));
    CHECK(netpas_buy(agent, &film, "26-1_108_18", "0.004", 10, &claim, "key-1", &bought) == NETPAS_OK);
    CHECK(strcmp(bought.id, "17") == 0 && bought.state == NETPAS_RUNS && bought.packets == 12 && bought.best_effort == 3);
    CHECK(strcmp(bought.spent, "0.0000003") == 0 && bought.charged[0] == '\0');
    CHECK(strstr(asked, "\r\nIdempotency-Key: key-1\r\n") != NULL);
    CHECK(strstr(asked, "\"offer\":\"26-1_108_18\",\"cap\":\"0.004\",\"duration_s\":600,"
                        "\"purpose\":\"video \\\"x\\\"\\u000a\\\\\",\"domain\":\"example.net\",\"attended\":true}") != NULL);
    say(202, "{\"id\":\"18\",\"state\":\"requested\",\"sent\":{\"packets\":0,\"amount\":\"0\"},\"best_effort_packets\":0,\"decision\":\"5\"}");
    CHECK(netpas_buy(agent, &film, NULL, "0.004", 10, NULL, "key-2", &bought) == NETPAS_PENDING);
    CHECK(strcmp(bought.decision, "5") == 0 && bought.state == NETPAS_WAITS);
    CHECK(strstr(asked, "\"class\":\"best\"") != NULL && strstr(asked, "purpose") == NULL);
    say(200, "{\"id\":\"17\",\"state\":\"settled\",\"sent\":{\"packets\":12,\"amount\":\"0.1\"},\"best_effort_packets\":3,"
             "\"charged\":\"0.09\",\"reason\":\"stopped\"}");
    CHECK(netpas_state(agent, "17", &bought) == NETPAS_OK && bought.state == NETPAS_ENDED);
    CHECK(strcmp(bought.charged, "0.09") == 0 && strcmp(bought.reason, "stopped") == 0);
    CHECK(strstr(asked, "GET /v1/purchases/17 HTTP/1.1\r\n") == asked);
    CHECK(netpas_stop(agent, "17", NULL) == NETPAS_OK);
    CHECK(strstr(asked, "DELETE /v1/purchases/17 HTTP/1.1\r\n") == asked);
}

static void refusals_have_meanings(netpas_client* agent) {
    static const struct {
        int http;
        const char* code;
        netpas_status meant;
    } all[] = {{402, "QUOTA_EXCEEDED", NETPAS_OVER_BUDGET}, {403, "RESTRICTED", NETPAS_DENIED},
               {403, "LOCKED", NETPAS_DENIED},              {409, "EXPIRED", NETPAS_EXPIRED},
               {404, "NO_OFFER", NETPAS_NO_OFFER},          {409, "NOT_JOINED", NETPAS_NO_OFFER},
               {404, "NOT_FOUND", NETPAS_NOT_FOUND},        {429, "RATE_LIMITED", NETPAS_TOO_OFTEN},
               {400, "INVALID_ARGUMENT", NETPAS_INVALID},   {403, "UNAUTHORIZED", NETPAS_NOT_ALLOWED},
               {409, "NO_AGENT", NETPAS_UNANSWERED}, {500, "LOCAL_FAILURE", NETPAS_FAILED},       {503, "SOMETHING_NEW", NETPAS_FAILED}};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
        char body[256];
        netpas_purchase untouched, before;
        memset(&untouched, 7, sizeof untouched);
        before = untouched;
        snprintf(body, sizeof body, "{\"code\":\"%s\",\"message\":\"No.\",\"hint\":\"netpas mode ask\"}", all[i].code);
        say(all[i].http, body);
        CHECK(netpas_state(agent, "17", &untouched) == all[i].meant);
        CHECK(strcmp(netpas_code(agent), all[i].code) == 0 && strcmp(netpas_message(agent), "No.") == 0);
        CHECK(strcmp(netpas_hint(agent), "netpas mode ask") == 0);
        CHECK(memcmp(&before, &untouched, sizeof before) == 0);
    }
    for (int status = NETPAS_OK; status <= NETPAS_FAILED; ++status) CHECK(strlen(netpas_describe((netpas_status)status)) > 3);
    CHECK(netpas_describe((netpas_status)99) != NULL);
}

/* Whatever it says, the answer is NETPAS_BROKEN, and nothing was written. */
static void nonsense_is_refused(netpas_client* agent) {
    static const char* const bodies[] = {
        "", "{", "[]", "null", "{}", "{\"id\":\"17\"}", "{\"id\":17,\"state\":\"active\"}", PURCHASE("dancing", ""),
        PURCHASE("active", "") "x", PURCHASE("active", ",\"id\":\"1\\u0000\""), PURCHASE("active", ",\"id\":\"\\ud800\""),
        PURCHASE("active", ",\"id\":\"00000000000000000000000000000000000000000000\""),
        "{\"id\":\"17\",\"state\":\"active\",\"sent\":{\"packets\":-1,\"amount\":\"0\"},\"best_effort_packets\":0}",
        "{\"id\":\"17\",\"state\":\"active\",\"sent\":{\"packets\":99999999999999999999,\"amount\":\"0\"},\"best_effort_packets\":0}",
        "{\"id\":\"17\",\"state\":\"active\",\"sent\":[],\"best_effort_packets\":0}"};
    netpas_purchase untouched, before;
    memset(&untouched, 7, sizeof untouched);
    before = untouched;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; ++i) {
        say(200, bodies[i]);
        CHECK(netpas_state(agent, "17", &untouched) == NETPAS_BROKEN);
        if (netpas_state(agent, "17", &untouched) != NETPAS_BROKEN) fprintf(stderr, "  %s\n", bodies[i]);
    }
    static char deep[100000], head[40000];
    memset(deep, '[', sizeof deep - 1);
    say(200, deep);
    CHECK(netpas_state(agent, "17", &untouched) == NETPAS_BROKEN);
    memset(head, 'a', sizeof head - 1);
    static const char* const replies[] = {
        "", "x", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\n{}", "HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 200 OK\r\nContent-Length: 999999999999999999\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.", head};
    for (size_t i = 0; i < sizeof replies / sizeof *replies; ++i) {
        say_raw(replies[i]);
        CHECK(netpas_state(agent, "17", &untouched) == NETPAS_BROKEN);
    }
    /* A good answer, cut anywhere. */
    static char whole[4096];
    const int length = snprintf(whole, sizeof whole, "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\n\r\n%s",
                                strlen(PURCHASE("active", "")), PURCHASE("active", ""));
    for (int cut = 0; cut < length; ++cut) {
        answer = whole;
        answer_size = (size_t)cut;
        CHECK(netpas_state(agent, "17", &untouched) == NETPAS_BROKEN);
    }
    CHECK(memcmp(&before, &untouched, sizeof before) == 0);
    say_raw(whole);
    CHECK(netpas_state(agent, "17", &untouched) == NETPAS_OK);
}

/* Nothing that a caller passes on gets out of its place. */
static void senseless_calls_are_not_sent(netpas_client* agent) {
    netpas_purchase bought;
    netpas_offer offers[1];
    size_t count = 0;
    char longest[300];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const netpas_claim far_too_long = {.purpose = longest};
    const netpas_flow nowhere = {.address = NULL};
    say(200, PURCHASE("active", ""));
    asked[0] = '\0';
    static const char* const ids[] = {"", "17/../../join", "17 HTTP/1.1\r\nX: y", "1?x", "%31", NULL};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; ++i) CHECK(netpas_state(agent, ids[i], &bought) == NETPAS_INVALID);
    CHECK(netpas_buy(agent, &film, NULL, "1", 10, NULL, "k\r\nX: y", &bought) == NETPAS_INVALID);
    CHECK(netpas_buy(agent, &film, NULL, "1", 10, NULL, longest, &bought) == NETPAS_INVALID);
    CHECK(netpas_buy(agent, &film, NULL, "1", 10, NULL, NULL, &bought) == NETPAS_INVALID);
    CHECK(netpas_buy(agent, &film, NULL, "1", 0, NULL, "k", &bought) == NETPAS_INVALID);
    CHECK(netpas_buy(agent, &film, NULL, NULL, 10, NULL, "k", &bought) == NETPAS_INVALID);
    CHECK(netpas_buy(agent, &film, NULL, "1", 10, &far_too_long, "k", &bought) == NETPAS_INVALID);
    CHECK(netpas_buy(agent, &nowhere, NULL, "1", 10, NULL, "k", &bought) == NETPAS_INVALID);
    CHECK(netpas_quote(agent, &film, 1, offers, &count) == NETPAS_INVALID);
    CHECK(netpas_message(agent)[0] != '\0' && asked[0] == '\0');
}

static void who_is_not_there_is_said(void) {
    netpas_purchase bought;
    netpas_client* const nobody = netpas_open("/nonexistent/netpasd.sock");
    CHECK(netpas_state(nobody, "17", &bought) == NETPAS_NOT_RUNNING);
    netpas_close(nobody);
    char longest[200];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    CHECK(netpas_open(longest) == NULL);
    netpas_close(NULL);
    /* From the environment. */
    setenv("NETPAS_SOCKET", path, 1);
    netpas_client* const found = netpas_open(NULL);
    say(200, PURCHASE("active", ""));
    CHECK(netpas_state(found, "17", &bought) == NETPAS_OK);
    /* An agent that says nothing. */
    answer = NULL;
    netpas_set_timeout(found, 50);
    CHECK(netpas_state(found, "17", &bought) == NETPAS_TIMED_OUT);
    netpas_close(found);
}

static void nothing_else_is_exported(void) {
    CHECK(dlsym(RTLD_DEFAULT, "netpas_open") != NULL);
    static const char* const inside[] = {"np_json_document", "np_write_begin", "exchange", "hear"};
    for (size_t i = 0; i < sizeof inside / sizeof *inside; ++i) CHECK(dlsym(RTLD_DEFAULT, inside[i]) == NULL);
}

int main(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(path, sizeof path, "/tmp/netpas-client-%d.sock", (int)getpid());
    memcpy(address.sun_path, path, sizeof path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 8) != 0) return 1;
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, NULL) != 0) return 1;
    netpas_client* const agent = netpas_open(path);
    netpas_set_timeout(agent, 20000);
    quotes_are_read(agent);
    purchases_are_made(agent);
    refusals_have_meanings(agent);
    nonsense_is_refused(agent);
    senseless_calls_are_not_sent(agent);
    who_is_not_there_is_said();
    nothing_else_is_exported();
    netpas_close(agent);
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
    unlink(path);
    if (failures > 0) fprintf(stderr, "%d failed\n", failures);
    return failures == 0 ? 0 : 1;
}
