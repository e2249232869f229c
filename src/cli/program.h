// The program: the command line on real streams, clock and randomness.
#pragma once

namespace ledgerline::cli {

// Runs the command that the arguments name and returns the exit code. To be called by main(), once.
int run_program(int argc, char** argv);

}  // namespace ledgerline::cli
