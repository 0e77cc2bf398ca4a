/* Buys better service for what comes from a video server, after showing its price: cc example.c $(pkg-config --cflags --libs netpas-client) */
#include <netpas/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
    if (argc != 3) return fprintf(stderr, "usage: %s ADDRESS PORT\n", argv[0]), 2;
    netpas_client* agent = netpas_open(NULL);
    netpas_flow film = {.address = argv[1], .protocol = "tcp", .port = (uint16_t)atoi(argv[2]), .incoming = 1};
    netpas_offer offers[4];
    size_t count = 4;
    if (agent == NULL) return 1;
    netpas_status done = netpas_quote(agent, &film, 5000000, offers, &count);
    if (done != NETPAS_OK || count < 2) return fprintf(stderr, "%s\n", netpas_describe(done)), 1;
    printf("Up to $%s a minute. Enter buys ten minutes.\n", offers[count - 1].per_minute);
    if (getchar() != '\n') return 0;

    char cap[32], key[32];
    snprintf(cap, sizeof cap, "%.12f", 10 * atof(offers[count - 1].per_minute));
    snprintf(key, sizeof key, "example-%d", (int)getpid());
    netpas_claim claim = {.purpose = "video", .attended = 1};
    netpas_purchase bought;
    done = netpas_buy(agent, &film, offers[count - 1].id, cap, 10, &claim, key, &bought);
    while (done == NETPAS_OK || done == NETPAS_PENDING) {
        printf("%s: $%s for %llu packets\n", bought.decision[0] ? "waits for you" : "runs", bought.spent,
               (unsigned long long)bought.packets);
        if (bought.state >= NETPAS_ENDS) break;
        sleep(1);
        done = netpas_state(agent, bought.id, &bought);
    }
    if (done != NETPAS_OK) fprintf(stderr, "%s: %s\n", netpas_describe(done), netpas_message(agent));
    netpas_close(agent);
}
