# shellcheck shell=bash disable=SC2034,SC2154
# nginx in front of a FastCGI responder that costs nothing (the emulator speaking
# FastCGI): what the web server alone takes of any FastCGI system
PLAIN_ONLY=1
sys_start() {
  front_nginx_fcgi "$RUN/up.sock" || return
  SYS_FRONT=$FRONT_PID SYS_URL=http://127.0.0.1:$P_FRONT/api/invoke
}
