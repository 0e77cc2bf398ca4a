/* libnetpas-client: better service for an application's connections, asked of the agent on this machine (netpasd).
 *
 * It has the rights of any application: it asks, and the user's rules, budgets and answers decide. What is not bought stays best effort, and
 * so does everything after a failure; no connection ever breaks.
 *
 * Threads: a client is used by one thread at a time; different clients are independent. Nothing is global, no signal is raised, no thread is
 * started. Every call blocks until the agent has answered, at most for the client's timeout: not for threads that draw windows.
 *
 * Amounts are exact decimal text of dollars ("0.0004194"). They are not meant for floating point: show them, or give them back as they came.
 * Texts are UTF-8, ended by a zero, and are the agent's own words: escape them where they mean more than text. Structures are filled whole or not at all.
 * The version of the library's name (.so.0) changes with them. */
#ifndef NETPAS_CLIENT_H
#define NETPAS_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define NETPAS_API __attribute__((visibility("default")))
#define NETPAS_CHECK __attribute__((warn_unused_result))
#else
#define NETPAS_API
#define NETPAS_CHECK
#endif

typedef enum netpas_status {
    NETPAS_OK = 0,
    NETPAS_PENDING,     /* somebody is asked; the answer shows in netpas_state() */
    NETPAS_DENIED,      /* by the user's rules, answer or pause; do not ask again for the same */
    NETPAS_UNANSWERED,  /* nobody was there to be asked: best effort. The user finds the question among those missed */
    NETPAS_OVER_BUDGET, /* more than the user's limits allow now */
    NETPAS_NO_OFFER,    /* nothing is sold on that way, or no ISP was joined */
    NETPAS_EXPIRED,     /* that offer holds no more: ask for a new one, and show its price */
    NETPAS_NOT_FOUND,   /* there is no such purchase of this user */
    NETPAS_TOO_OFTEN,   /* try again in a moment */
    NETPAS_INVALID,     /* the call makes no sense; netpas_message() says why */
    NETPAS_NOT_RUNNING, /* no agent listens there */
    NETPAS_NOT_ALLOWED, /* this user may not use its socket (group netpas) */
    NETPAS_TIMED_OUT, /* no answer in time. Of netpas_buy(): unknown whether it was bought; call it again with the same key */
    NETPAS_BROKEN, /* an answer that makes no sense, or a lost connection; as above */
    NETPAS_NO_MEMORY,
    NETPAS_FAILED /* anything else; netpas_message() says what */
} netpas_status;

/* For people, in English; never null. */
NETPAS_API const char* netpas_describe(netpas_status status);

typedef struct netpas_client netpas_client;

/* `socket`: the agent's; null: the environment's NETPAS_SOCKET, else /run/netpas/netpasd.sock. Nothing is connected yet. Null: no memory, or the
 * path is too long for a socket. */
NETPAS_API netpas_client* netpas_open(const char* socket);
/* Purchases go on; end them with netpas_stop(). Null is allowed. */
NETPAS_API void netpas_close(netpas_client* client);
/* Of every call from now on, in milliseconds, 1 to 600,000; 65,000 when never set, because the network may be asked. */
NETPAS_API void netpas_set_timeout(netpas_client* client, int milliseconds);

/* What the agent said to the last call that did not succeed: its code ("QUOTA_EXCEEDED", resources/api/README.md), a sentence, and what to do next. Empty
 * where it said nothing. Until the client's next call. */
NETPAS_API const char* netpas_code(const netpas_client* client);
NETPAS_API const char* netpas_message(const netpas_client* client);
NETPAS_API const char* netpas_hint(const netpas_client* client);

/* Packets of this machine. */
typedef struct netpas_flow {
    const char* address;  /* of the other end: an IP address, not a name */
    const char* protocol; /* "tcp", "udp", "icmp"; null: any */
    uint16_t port;        /* the other end's; 0: any */
    uint16_t local_port;  /* this machine's; 0: any */
    int incoming;         /* not 0: for packets that come from there (NetPaS 3.1.3) */
} netpas_flow;

/* An application's own words, shown to the user as its claim. Each may be null; at most 256 bytes. */
typedef struct netpas_claim {
    const char* purpose; /* "video", "video-call", "game" */
    const char* domain;  /* on which site's behalf: "example.net" */
    const char* payee;   /* whom it is with, as a node's identifier (64 hexadecimal digits), which contacts may name */
    int attended;        /* not 0: a person has just asked for it, so that a question may be shown at once */
} netpas_claim;

typedef struct netpas_offer {
    char id[256];         /* empty: best effort, which is not bought */
    char tier[32];        /* "thrifty", "enough", "most" */
    char per_minute[32];  /* dollars, at most, for a stream of the rate that was asked about: the price to show */
    char valid_until[32]; /* UTC: 2031-01-31T18:00:00Z */
    char change[128];     /* what it would change, in words */
} netpas_offer;

/* What can be chosen from, cheapest first. `count`: in, the room in `offers` (four is enough); out, how many there are. Asks ISPs: may take seconds. */
NETPAS_API NETPAS_CHECK netpas_status netpas_quote(netpas_client* client, const netpas_flow* flow,
                                                   uint64_t bits_per_second, netpas_offer* offers, size_t* count);

typedef enum netpas_purchase_state {
    NETPAS_WAITS = 0, /* for the agent, or for somebody's answer: best effort meanwhile */
    NETPAS_RUNS,      /* packets are paid for */
    NETPAS_ENDS,      /* best effort again; the last sums are not there yet */
    NETPAS_ENDED,     /* settled: `charged` is final */
    NETPAS_REFUSED    /* never ran, and costs nothing */
} netpas_purchase_state;

typedef struct netpas_purchase {
    char id[32];
    netpas_purchase_state state;
    char spent[32];       /* dollars, so far */
    char charged[32];     /* dollars, all of it; empty before the end */
    uint64_t packets;     /* paid */
    uint64_t best_effort; /* packets of the flow that were not */
    char decision[32];    /* of the question that somebody is asked; empty: none */
    char reason[64];      /* why it ended */
    char trouble[256];    /* why packets go unpaid now; empty: they do not */
} netpas_purchase;

/* `offer`: an id from netpas_quote() for the same flow; null: the best there is. `cap`: never more dollars than this. `minutes`: ends by itself, and no
 * minute costs more than its share of the cap; with cap = per_minute times minutes that is the price shown. `claim`: may be null. `key`: of your choice, at most 128 letters and
 * digits, new for each wish; called again with the same key after NETPAS_TIMED_OUT or NETPAS_BROKEN, nothing is bought twice.
 * NETPAS_OK: it runs. NETPAS_PENDING: the user is asked. `purchase` is filled for both. */
NETPAS_API NETPAS_CHECK netpas_status netpas_buy(netpas_client* client, const netpas_flow* flow, const char* offer,
                                                 const char* cap, unsigned minutes, const netpas_claim* claim,
                                                 const char* key, netpas_purchase* purchase);
/* How it stands. */
NETPAS_API NETPAS_CHECK netpas_status netpas_state(netpas_client* client, const char* id, netpas_purchase* purchase);
/* Ends it; best effort from now on. Asking twice does no harm. `purchase` may be null. */
NETPAS_API netpas_status netpas_stop(netpas_client* client, const char* id, netpas_purchase* purchase);

#ifdef __cplusplus
}
#endif
#endif
