# shellcheck shell=bash disable=SC2034
# Sourced by bench.sh, which sets HERE and B; systems/*.sh use what is here.

PATH=$PATH:/usr/sbin:/sbin # where Debian keeps the web servers
# nothing of the user's own may decide where requests go or how they are signed
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY \
  AWS_PROFILE AWS_SESSION_TOKEN AWS_CA_BUNDLE SSL_CERT_FILE AGENTCGI_CONFIG
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_REGION=us-west-2 AWS_EC2_METADATA_DISABLED=true
export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
export AGENT_RUNTIME_ARN=arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/bench-AbCdEf1234
export NODE_NO_WARNINGS=1 # the SDK's about Node 20
ENCODED=${AGENT_RUNTIME_ARN//:/%3A}
INVOKE="/runtimes/${ENCODED//\//%2F}/invocations?qualifier=DEFAULT"

# Descriptors: a relay takes two per stream.  20,000 are what the scenarios
# are made for; with fewer the large ones are left out.
NOFILE=$(ulimit -Hn)
if [ "$NOFILE" = unlimited ] || [ "$NOFILE" -gt 20000 ]; then NOFILE=20000; fi
ulimit -n "$NOFILE"

# ---- ports: a block of five, free now, below those the system hands out ----
listening() { # PORT
  local hex
  printf -v hex ':%04X ' "$1"
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { print $2 " " }' | grep -q "$hex"
}
free_ports() {
  local base i n
  for ((n = 0; n < 400; n++)); do
    base=$((20000 + ($$ + n * 7) % 1200 * 10))
    for ((i = 0; i < 5; i++)); do listening $((base + i)) && break; done
    if [ $i = 5 ]; then
      echo $base
      return
    fi
  done
  echo "no free ports" >&2
  return 1
}
P_UP=${BENCH_PORT:-$(free_ports)} || exit 1
P_TLS=$((P_UP + 1)) P_FRONT=$((P_UP + 2)) P_APP=$((P_UP + 3))

# ---- processes: each is ended by its pid ----
PIDS=()
spawn() { # CMD...: in the background, its pid in SPAWNED, its output in $RUN/log
  "$@" >>"$RUN/log" 2>&1 </dev/null &
  SPAWNED=$!
  PIDS+=("$SPAWNED")
}
wait_port() { # PORT
  local i
  for ((i = 0; i < 400; i++)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
    kill -0 "$SPAWNED" 2>/dev/null || break
    sleep .025
  done
  echo "nothing listens on $1" >&2
  return 1
}
wait_sock() { # PATH
  local i
  for ((i = 0; i < 400; i++)); do
    [ -S "$1" ] && return 0
    kill -0 "$SPAWNED" 2>/dev/null || break
    sleep .025
  done
  echo "no socket $1" >&2
  return 1
}
tree() { # PID: the pids below it, deepest first, then itself
  local c
  # shellcheck disable=SC2013 # they are words
  for c in $(cat "/proc/$1/task/"*/children 2>/dev/null); do tree "$c"; done
  echo "$1"
}
stop_all() {
  local p i all=() left=()
  for p in "${PIDS[@]}"; do # a number that is ours no more is left alone
    grep -q "^PPid:[[:space:]]*$$\$" "/proc/$p/status" 2>/dev/null && mapfile -t -O ${#all[@]} all < <(tree "$p")
  done
  [ ${#all[@]} -gt 0 ] || return 0
  kill -TERM "${all[@]}" 2>/dev/null
  for ((i = 0; i < 40; i++)); do
    left=()
    for p in "${all[@]}"; do [ -d "/proc/$p" ] && left+=("$p"); done
    [ ${#left[@]} -eq 0 ] && break
    sleep .05
  done
  [ ${#left[@]} -eq 0 ] || kill -KILL "${left[@]}" 2>/dev/null
  wait "${PIDS[@]}" 2>/dev/null
  PIDS=()
}

# ---- web servers in front; SOCKET is the FastCGI responder's ----
front_nginx() { # BODY-OF-LOCATION [HTTP-LEVEL]
  cat >"$RUN/nginx.conf" <<C
daemon off;
worker_processes ${FRONT_WORKERS:-1};
worker_rlimit_nofile $NOFILE;
pid $RUN/nginx.pid;
error_log $RUN/nginx.err error;
events { worker_connections $((NOFILE - 100)); }
http {
  access_log off;
  keepalive_requests 100000;
  keepalive_timeout 300s;
  tcp_nodelay on;
  client_body_temp_path $RUN/t1;
  proxy_temp_path $RUN/t2;
  fastcgi_temp_path $RUN/t3;
  uwsgi_temp_path $RUN/t4;
  scgi_temp_path $RUN/t5;
  ${2-}
  server {
    listen 127.0.0.1:$P_FRONT backlog=16384;
    location / { $1 }
  }
}
C
  spawn nginx -p "$RUN" -e "$RUN/nginx.err" -c "$RUN/nginx.conf"
  FRONT_PID=$SPAWNED
  wait_port $P_FRONT
}
front_nginx_fcgi() { # SOCKET
  front_nginx "
      fastcgi_pass unix:$1;
      fastcgi_buffering off;
      fastcgi_request_buffering off;
      fastcgi_read_timeout 300s;
      fastcgi_param GATEWAY_INTERFACE CGI/1.1;
      fastcgi_param SERVER_SOFTWARE nginx;
      fastcgi_param SERVER_PROTOCOL \$server_protocol;
      fastcgi_param SERVER_NAME \$server_name;
      fastcgi_param SERVER_PORT \$server_port;
      fastcgi_param REMOTE_ADDR \$remote_addr;
      fastcgi_param REQUEST_METHOD \$request_method;
      fastcgi_param REQUEST_URI \$request_uri;
      fastcgi_param SCRIPT_NAME \$uri;
      fastcgi_param QUERY_STRING \$query_string;
      fastcgi_param CONTENT_TYPE \$content_type;
      fastcgi_param CONTENT_LENGTH \$content_length;
    "
}
front_lighttpd_fcgi() { # SOCKET
  cat >"$RUN/lighttpd.conf" <<C
server.modules = ("mod_fastcgi")
server.document-root = "$RUN"
server.port = $P_FRONT
server.bind = "127.0.0.1"
server.max-fds = $NOFILE
server.max-connections = $((NOFILE / 2 - 100))
server.listen-backlog = 16384
server.max-keep-alive-requests = 100000
server.max-keep-alive-idle = 300
server.max-write-idle = 3600
server.stream-response-body = 2
server.stream-request-body = 1
server.errorlog = "$RUN/lighttpd.err"
fastcgi.server = ("/api" => ((
  "socket" => "$1", "check-local" => "disable", "listen-backlog" => 4096,
  "tcp-fin-propagate" => "enable" # else a client that goes in silence is not told of
)))
C
  spawn lighttpd -D -f "$RUN/lighttpd.conf"
  FRONT_PID=$SPAWNED
  wait_port $P_FRONT
}

# ---- agentcgi, by its contract ----
agentcgi_conf() { # MORE
  mkdir -p "$RUN/state"
  chmod 700 "$RUN/state"
  cat >"$RUN/agentcgi.conf" <<C
${1-}
state_dir = $RUN/state
session_policy = open
rate = off
streams_per_user = off
max_streams = 20000

[agent default]
backend = agentcore
arn = $AGENT_RUNTIME_ARN
endpoint = $UP_BASE
C
}
start_agentcgi() { # SOCKET
  agentcgi_conf "listen = unix:$1"
  AWS_CA_BUNDLE=$UP_CA spawn "$AGENTCGI" serve --config "$RUN/agentcgi.conf"
  SYS_APP=$SPAWNED
  wait_sock "$1" && chmod 666 "$1" # nginx's workers change user
}
cold_line() { # NAME BINARY
  printf '%s cgi AGENTCGI_CONFIG=%q AWS_CA_BUNDLE=%q REQUEST_URI=/api/invoke SCRIPT_NAME=/api PATH_INFO=/invoke exec %q\n' \
    "$1" "$RUN/agentcgi.conf" "$UP_CA" "$2"
}
agentcgi_cold() {
  local static=$ROOT/build/static/agentcgi
  agentcgi_conf
  cold_line cgi "$AGENTCGI"
  [ ! -x "$static" ] || cold_line static "$static"
}
