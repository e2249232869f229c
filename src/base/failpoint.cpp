#include "base/failpoint.h"

namespace ledgerline {

// Alone in its file: a program that brings a function of its own never links this one.
void failpoint(std::string_view) {}

}  // namespace ledgerline
