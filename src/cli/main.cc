#include "cli/command.h"

int main(int argc, char** argv) {
  return ds::cli::run_main(argc, argv);
}
