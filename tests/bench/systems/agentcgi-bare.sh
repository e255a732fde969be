# shellcheck shell=bash disable=SC2034,SC2154
# agentcgi alone, the load speaking FastCGI to it
sys_start() {
  start_agentcgi "$RUN/agentcgi.sock" || return
  SYS_URL=fcgi-unix:$RUN/agentcgi.sock:/api/invoke
}
sys_cold() { agentcgi_cold; }
