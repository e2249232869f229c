#include "cli/cli.h"

int main(int argc, char** argv) { return ledgerline::cli::run_program(argc, argv); }
