# shellcheck shell=bash
# Free loopback ports for servers that cannot be told "any". Source it.

port_busy() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_ports N: prints N ports, one a line, from below the range that the kernel hands out to
# clients. The search starts at random, so two servers starting at once rarely pick the same.
free_ports() {
  local want=$1 port=$((20000 + RANDOM % 9000)) end
  end=$((port + 2000))
  while ((want > 0)); do
    ((port < end)) || { echo "no $1 free ports near $((end - 2000))" >&2; return 1; }
    if ! port_busy "$port"; then echo "$port"; want=$((want - 1)); fi
    port=$((port + 1))
  done
}
