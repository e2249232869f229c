// The program: the command line on real streams, with the real clock and randomness.
#pragma once

namespace ledgerline::cli {

// Runs the command that the arguments name and returns the exit code. main() calls it once.
int run_program(int argc, char** argv);

}  // namespace ledgerline::cli
