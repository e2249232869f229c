#include "app/program.h"

int main(int argc, char** argv) { return ledgerline::app::run_program(argc, argv); }
