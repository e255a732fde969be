# shellcheck shell=bash disable=SC2034,SC2154
# the emulator itself, nothing between
PLAIN_ONLY=1 # load speaks no TLS
sys_start() { SYS_URL=http://127.0.0.1:$P_UP$INVOKE; }
