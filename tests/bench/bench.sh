#!/bin/bash
# bench.sh SYSTEM SCENARIO [plain|tls]: one run, one JSON line on stdout
#   SYSTEM    a file of systems/ (without .sh)
#   SCENARIO  ttfb tokens tokens500 many1000 many5000 many8900 idle5000
#             flood flood1k cancel cancelidle cold
# The tools are built by ./run.  Settings: README.md.
HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
SYSTEM=$1 SCEN=$2 UP=${3:-plain}
B=${BENCH_BUILD:-$ROOT/build/bench}
AGENTCGI=${AGENTCGI:-$ROOT/build/agentcgi}
# shellcheck source=tests/bench/lib.sh
. "$HERE/lib.sh"
RUN=$(mktemp -d "${TMPDIR:-/tmp}/agentcgi-bench.XXXXXX") || exit 1
chmod 755 "$RUN"
trap 'trap "" INT TERM HUP; stop_all; rm -rf "$RUN"' EXIT
trap 'exit 1' INT TERM HUP

STREAMS=16
case $SCEN in
  tokens) STREAMS=100 ;;
  tokens*) STREAMS=${SCEN#tokens} ;;
  many*) STREAMS=${SCEN#many} ;;
  idle*) STREAMS=${SCEN#idle} ;;
  cancel*) STREAMS=20 ;;
esac
PLAIN_ONLY=''
# shellcheck disable=SC1090
. "$HERE/systems/$SYSTEM.sh" || exit 2
line() { # MORE
  echo "{\"system\":\"$SYSTEM\",\"scenario\":\"$SCEN\",\"up\":\"$UP\",\"wanted\":$STREAMS,\"at\":$(date +%s)$1}"
}
skip() { # WHY
  line ",\"skipped\":\"$1\""
  exit 0
}
[ $((STREAMS * 2 + 200)) -le "$NOFILE" ] || skip "ulimit -n allows $NOFILE descriptors"
[ "$UP" = plain ] || [ -z "$PLAIN_ONLY" ] || skip "plain only"
[ "$SCEN" != cold ] || type sys_cold >/dev/null 2>&1 || skip "no cold start"

# the emulator; clients get the system's whole CA bundle with ours at its end,
# as they would have against AWS
CERT=$B/cert.pem UP_CA=$B/bundle.pem
if [ ! -s "$UP_CA" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$B/key.pem" -out "$CERT" \
    -days 3650 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -addext basicConstraints=critical,CA:TRUE 2>/dev/null || exit 1
  for f in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /dev/null; do
    [ ! -r "$f" ] || break
  done
  cat "$f" "$CERT" >"$UP_CA"
fi
spawn "$B/upstream" -p "$P_UP" -t "$P_TLS" -C "$CERT" -K "$B/key.pem" -f "$RUN/up.sock"
UP_PID=$SPAWNED
wait_port "$P_UP" || exit 1
chmod 666 "$RUN/up.sock"
UP_SCHEME=http UP_PORT=$P_UP
[ "$UP" = tls ] && UP_SCHEME=https UP_PORT=$P_TLS
export UP_SCHEME UP_PORT UP_CA UP_BASE=$UP_SCHEME://127.0.0.1:$UP_PORT
export AWS_ENDPOINT_URL_BEDROCK_AGENTCORE=$UP_BASE

# wait until the rest of the machine is quiet, but not for ever
quiet() {
  local i a b idle ok=0
  for ((i = 0; i < ${BENCH_WAIT:-45} * 2 && ok < 2; i++)); do
    read -ra a </proc/stat
    sleep .5
    read -ra b </proc/stat
    idle=$((b[4] + b[5] - a[4] - a[5]))
    # hundredths of a second of idle in half a second of all cores
    if [ $((idle * 100)) -gt $((${QUIET_IDLE:-75} * 50 * $(nproc))) ]; then ok=$((ok + 1)); else ok=0; fi
  done
  QUIET=$((ok == 2))
}
# the load runs in the background, so that a signal is heeded at once
load() { # ARGS...: its JSON in LOAD
  "$B/load" "$@" >"$RUN/load.json" 2>>"$RUN/log" &
  local last=${#PIDS[@]}
  PIDS+=($!)
  wait $!
  unset "PIDS[$last]"
  LOAD=$(<"$RUN/load.json")
}
out() { # MORE
  local s
  s=$(curl -s "http://127.0.0.1:$P_UP/__stats")
  line "$1,\"quiet\":${QUIET:-null},\"load\":${LOAD:-null},\"upstream\":${s:-null}"
}
if [ "$SCEN" = cold ]; then
  sys_cold >"$RUN/cold" # variants, a line each: NAME KIND(cgi|server) COMMAND
  quiet
  while read -r name kind cmd; do
    url=()
    [ "$kind" = server ] && url=(-u "$COLD_URL")
    load "${url[@]}" -X "$cmd" -n "${COLD_RUNS:-15}" -P bench-n20-t0-p0
    out ",\"variant\":\"$name\""
  done <"$RUN/cold"
  exit 0
fi
sys_start || {
  tail -qn 5 "$RUN"/*.err "$RUN/log" 2>/dev/null | grep -vx ready >&2
  exit 1
}
# warm up: connections, caches, the JIT
load -u "$SYS_URL" -c 4 -n "${WARM:-400}" -d 3 -T 20
curl -s "http://127.0.0.1:$P_UP/__reset" >/dev/null
see=(-q "127.0.0.1:$P_UP" -Q 8)
case $SCEN in
  ttfb) A=(-c 1 -n 20000 -d 3 -e 20 -P bench-n20-t0-p0) ;;
  tokens*) A=(-c "$STREAMS" -r "$STREAMS" -H 8 -w -T 40 -e 600 -P bench-n600-t20-p0) ;;
  many*) A=(-c "$STREAMS" -r "${RATE:-400}" -H "${HOLD:-10}" -g 3 -T 120 -P bench-n10000-t2000-p0) ;;
  idle*) A=(-c "$STREAMS" -r "${RATE:-400}" -H 10 -g 3 -T 120 -P bench-n2-t600000-p0) ;;
  flood) A=(-c 10 -T 40 -e 110000 -P bench-n110000-t0-p0) ;;
  flood1k) A=(-c 10 -T 40 -e 4800 -P bench-n4800-t0-p1000) ;;
  cancel) A=(-c 20 -n 100 -x 10 -T 30 "${see[@]}" -P bench-n3000-t20-p0) ;;
  cancelidle) A=(-c 20 -n 20 -x 1 -T 30 "${see[@]}" -P bench-n2-t60000-p0) ;;
  *)
    echo "no scenario $SCEN" >&2
    exit 2
    ;;
esac
quiet
load -u "$SYS_URL" "${A[@]}" -p "app:${SYS_APP:-0};front:${SYS_FRONT:-0};up:$UP_PID"
out ""
[ -z "$KEEP_LOG" ] || cp -r "$RUN" "$KEEP_LOG"
