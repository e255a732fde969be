# shellcheck shell=bash disable=SC2034,SC2154
# One nginx worker, proxy_pass, no buffering, kept upstream connections:
# unsigned, near the practical limit
sys_start() {
  front_nginx "
      proxy_pass $UP_SCHEME://up;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_set_header Host localhost;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 300s;
      proxy_ssl_trusted_certificate $UP_CA;
      proxy_ssl_verify on;
      proxy_ssl_name localhost;
      proxy_ssl_session_reuse on;
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
    " "upstream up { server 127.0.0.1:$UP_PORT; keepalive 64; keepalive_requests 100000; }" || return
  SYS_APP=$FRONT_PID SYS_URL=http://127.0.0.1:$P_FRONT$INVOKE
}
