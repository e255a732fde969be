# shellcheck shell=bash disable=SC2034,SC2154
# agentcgi behind nginx
sys_start() {
  start_agentcgi "$RUN/agentcgi.sock" && front_nginx_fcgi "$RUN/agentcgi.sock" || return
  SYS_FRONT=$FRONT_PID SYS_URL=http://127.0.0.1:$P_FRONT/api/invoke
}
