// cluster_owner DIR: runs a private cluster on DIR until it is killed, and writes the postmaster's pid, or why there is
// none, to stdout. For tests of what a killed ledgerline leaves behind.
#include <unistd.h>

#include <cstdio>

#include "cluster/private_cluster.h"

int main(int, char** arguments) {
    ledgerline::SystemRandom random;
    ledgerline::cluster::PrivateCluster cluster({.data_dir = arguments[1], .durable = false}, random);
    const auto started = cluster.start();
    if (!started) {
        std::printf("%s\n", started.error().message.c_str());
        return 1;
    }
    std::printf("%d\n", cluster.postmaster_pid());
    std::fflush(stdout);
    pause();
}
