# shellcheck shell=bash disable=SC2034,SC2154
# The usual relay: Node with the AWS SDK v3, as in a streaming Lambda
sys_start() {
  PORT=$P_APP NODE_EXTRA_CA_CERTS=$CERT spawn node "$B/node/node-lambda/server.mjs"
  SYS_APP=$SPAWNED SYS_URL=http://127.0.0.1:$P_APP/invoke
  wait_port "$P_APP"
}
sys_cold() {
  printf 'unbundled cgi NODE_EXTRA_CA_CERTS=%q exec node %q\n' "$CERT" "$B/node/node-lambda/oneshot.mjs"
  printf 'bundled cgi NODE_EXTRA_CA_CERTS=%q exec node %q\n' "$CERT" "$B/node/oneshot-bundle.cjs"
}
