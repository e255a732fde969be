/*
 * upstream: emulator of the AgentCore data-plane endpoint, for benchmarks.
 *
 * A measuring tool, cheap so that the relays are what is measured.  What it
 * does NOT do: check signatures (it counts the requests that carry one), look
 * at the ARN, the qualifier or the session id, mind the content type, read a
 * chunked request body, answer with an error, or close idle connections.
 * tests/upstream is the one that verifies what is sent.
 *
 *   upstream -p PORT [-t TLSPORT -C cert.pem -K key.pem] [-f FCGI_SOCKET]
 *            [-b ADDR]
 *
 * POST /runtimes/{arn}/invocations answers 200 text/event-stream (chunked, one
 * chunk per event) with lines  data: "S:<stream> Q:<seq> T:<ns> xxxx"\n\n
 * What to send is asked for in the prompt, so that it passes through any
 * relay:
 *   bench-n20-t0-p0-d0   n events, t ms apart (0: as fast as the peer reads),
 *                        p bytes of padding, d ms before the first byte
 * T is CLOCK_MONOTONIC at the moment the event is formatted.
 * -f speaks FastCGI instead (same events): it stands for a responder that
 * costs nothing, so a web server in front of it shows what that server alone
 * costs.
 * GET /__stats, /__cancels ("id ns" per stream the peer closed early),
 * /__reset.  One thread, epoll, level triggered.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	L_HTTP,
	L_TLS,
	L_FCGI,
	HTTP,
	TLS,
	FCGI
};
#define SCRATCH     65536
#define FLOOD_CHUNK 16384
#define FLOOD_TURN  (256 * 1024)
#define MAXREQ      (1 << 20)
#define MAXCANCEL   65536
#define SILENCE_MS  60000

typedef struct conn {
	int fd, hpos;
	SSL *ssl;
	char *in, *out;
	uint32_t inlen, incap, outlen, outoff;
	int64_t due;
	uint32_t id, seq, n, ms, pad;
	uint16_t fid;
	uint8_t kind, handshake, streaming, headed, closeafter, wantw, fkeep;
	struct conn *dead;
} conn;

static int ep;
static SSL_CTX *ctx;
static conn **heap;
static int hn, hcap;
static char scratch[SCRATCH];
static conn *graveyard;
static struct {
	uint32_t id;
	int64_t ns;
} cancels[MAXCANCEL];
static unsigned ncancel;
static struct {
	uint64_t open, maxopen, conns, accepted, requests, signed_, completed,
	    closed, events, bytes, full, resumed, bad;
} st;
static uint32_t nextid;

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- timer heap ---- */
static void hset(int i, conn *c)
{
	heap[i] = c;
	c->hpos = i;
}
static void hup(int i)
{
	conn *c = heap[i];
	for (; i && heap[(i - 1) / 2]->due > c->due; i = (i - 1) / 2)
		hset(i, heap[(i - 1) / 2]);
	hset(i, c);
}
static void hdown(int i)
{
	conn *c = heap[i];
	for (int k; (k = 2 * i + 1) < hn; i = k) {
		if (k + 1 < hn && heap[k + 1]->due < heap[k]->due)
			k++;
		if (heap[k]->due >= c->due)
			break;
		hset(i, heap[k]);
	}
	hset(i, c);
}
static void hdel(conn *c)
{
	int i = c->hpos;
	if (i < 0)
		return;
	c->hpos = -1;
	if (i == --hn)
		return;
	hset(i, heap[hn]);
	hup(i);
	hdown(heap[i]->hpos == i ? i : heap[i]->hpos);
}
static void hadd(conn *c, int64_t due)
{
	hdel(c);
	if (hn == hcap)
		heap = realloc(
		    heap, (hcap = hcap ? hcap * 2 : 1024) * sizeof *heap);
	c->due = due;
	hset(hn++, c);
	hup(hn - 1);
}

/* ---- connections ---- */
static void kill_conn(conn *c)
{
	if (c->fd < 0)
		return;
	if (c->streaming) {
		if (ncancel < MAXCANCEL) {
			cancels[ncancel].id = c->id;
			cancels[ncancel++].ns = now();
		}
		st.closed++;
		st.open--;
	}
	hdel(c);
	if (c->ssl)
		SSL_free(c->ssl);
	close(c->fd);
	c->fd = -1;
	st.conns--;
	c->dead = graveyard;
	graveyard = c;
}
static void want(conn *c, int w)
{
	if (c->wantw == w)
		return;
	c->wantw = w;
	struct epoll_event e = {
	    .events = EPOLLIN | EPOLLRDHUP | (w ? EPOLLOUT : 0), .data.ptr = c};
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}
/* bytes written, 0 when it would block, -1 when the peer is gone */
static ssize_t put(conn *c, const char *b, size_t n)
{
	if (c->ssl) {
		ERR_clear_error();
		int r = SSL_write(c->ssl, b, n);
		if (r > 0)
			return r;
		int e = SSL_get_error(c->ssl, r);
		return e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ
		    ? 0
		    : -1;
	}
	ssize_t r = send(c->fd, b, n, MSG_NOSIGNAL);
	return r >= 0 ? r : errno == EAGAIN ? 0 : -1;
}
static void stash(conn *c, const char *b, size_t n)
{
	if (c->outoff == c->outlen)
		c->outoff = c->outlen = 0;
	c->out = realloc(c->out, c->outlen + n);
	memcpy(c->out + c->outlen, b, n);
	c->outlen += n;
}
/* write all of b or keep the rest; 1 all written, 0 some kept, -1 closed */
static int emit(conn *c, const char *b, size_t n)
{
	if (c->outlen) {
		stash(c, b, n);
		return 0;
	}
	while (n) {
		ssize_t r = put(c, b, n);
		if (r < 0) {
			kill_conn(c);
			return -1;
		}
		if (!r) {
			stash(c, b, n);
			want(c, 1);
			return 0;
		}
		st.bytes += r;
		b += r;
		n -= r;
	}
	return 1;
}

static char *num(char *p, uint64_t v)
{
	char t[24];
	int n = 0;
	do
		t[n++] = '0' + v % 10;
	while (v /= 10);
	while (n)
		*p++ = t[--n];
	return p;
}
/* one event's SSE text at p */
static char *event(conn *c, char *p)
{
	memcpy(p, "data: \"S:", 9);
	p = num(p + 9, c->id);
	memcpy(p, " Q:", 3);
	p = num(p + 3, c->seq++);
	memcpy(p, " T:", 3);
	p = num(p + 3, now());
	if (c->pad) {
		*p++ = ' ';
		memset(p, 'x', c->pad);
		p += c->pad;
	}
	memcpy(p, "\"\n\n", 3);
	st.events++;
	return p + 3;
}
static char *frec(char *p, conn *c, int type, unsigned len)
{
	p[0] = 1;
	p[1] = type;
	p[2] = c->fid >> 8;
	p[3] = c->fid;
	p[4] = len >> 8;
	p[5] = len;
	p[6] = p[7] = 0;
	return p + 8;
}
/* up to k events, framed, at p */
static char *frame(conn *c, char *p, char *end, unsigned k)
{
	if (c->kind == FCGI) { /* one record for as many as fit */
		char *h = p;
		p += 8;
		for (; k && c->seq < c->n && p + c->pad + 128 < end; k--)
			p = event(c, p);
		frec(h, c, 6, p - h - 8);
		return p;
	}
	for (; k && c->seq < c->n && p + c->pad + 160 < end;
	     k--) { /* one chunk each */
		char *h = p;
		p = event(c, p + 6);
		unsigned len = p - h - 6;
		for (int i = 3; i >= 0; i--, len >>= 4)
			h[i] = "0123456789abcdef"[len & 15];
		h[4] = '\r';
		h[5] = '\n';
		*p++ = '\r';
		*p++ = '\n';
	}
	return p;
}
static char *head(conn *c, char *p)
{
	c->headed = 1;
	if (c->kind == FCGI) {
		static const char h[] =
		    "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
		    "X-Accel-Buffering: no\r\n\r\n";
		p = frec(p, c, 6, sizeof h - 1);
		memcpy(p, h, sizeof h - 1);
		return p + sizeof h - 1;
	}
	return p +
	    sprintf(p,
		"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
		"Transfer-Encoding: chunked\r\nx-amzn-RequestId: 00000000-0000-4000-8000-%012x\r\n"
		"X-Amzn-Bedrock-AgentCore-Runtime-Session-Id: bench-session-%032u\r\n\r\n",
		c->id, c->id);
}
static char *tail(conn *c, char *p)
{
	if (c->kind == FCGI) {
		p = frec(p, c, 6, 0);
		p = frec(p, c, 3, 8);
		memset(p, 0, 8);
		p += 8;
		if (!c->fkeep)
			c->closeafter = 1;
	} else {
		memcpy(p, "0\r\n\r\n", 5);
		p += 5;
	}
	c->streaming = 0;
	st.open--;
	st.completed++;
	hdel(c);
	return p;
}
static void parse(conn *c);
static void drained(conn *c)
{
	if (c->closeafter) {
		if (c->ssl)
			SSL_shutdown(c->ssl);
		shutdown(c->fd, SHUT_WR);
		kill_conn(c);
	}
}
/* send what is due now */
static void pump(conn *c)
{
	char *p = scratch;
	if (c->outlen) {
		hdel(c);
		return;
	} /* the peer is behind: go on when it has drained */
	if (!c->headed)
		p = head(c, p);
	if (c->ms) {
		if (c->seq < c->n)
			p = frame(c, p, scratch + SCRATCH - 64, 1);
		if (c->seq >= c->n)
			p = tail(c, p);
		else {
			int64_t t = now(), step = (int64_t)c->ms * 1000000,
				d = c->due + step;
			/* the first gap is random, so that streams do not tick
			 * together; not where the gap is there to have silence
			 */
			if (c->seq == 1 && c->ms < SILENCE_MS)
				d = t + 1 +
				    (int64_t)((double)random() / RAND_MAX *
					step);
			hadd(c, d > t ? d : t);
		}
		if (emit(c, scratch, p - scratch) > 0 && !c->streaming)
			drained(c);
		return;
	}
	for (size_t sent = 0; sent < FLOOD_TURN;) {
		p = frame(c, p,
		    scratch + (c->n > 1000 ? FLOOD_CHUNK : SCRATCH - 64), ~0u);
		if (c->seq >= c->n)
			p = tail(c, p);
		sent += p - scratch;
		int r = emit(c, scratch, p - scratch);
		if (r < 0)
			return;
		if (!c->streaming) {
			if (r > 0)
				drained(c);
			return;
		}
		if (!r) {
			hdel(c);
			return;
		}
		p = scratch;
	}
	hadd(c, now()); /* another turn, after the others */
}
static void start(conn *c, const char *body, size_t n)
{
	const char *m = memmem(body, n, "bench-", 6);
	long d = 0;
	c->id = ++nextid;
	c->seq = c->headed = 0;
	c->n = 20;
	c->ms = c->pad = 0;
	for (const char *q = m ? m + 6 : body + n;
	     q < body + n && strchr("ntpd", *q);) {
		char k = *q++;
		unsigned long v = 0;
		while (q < body + n && *q >= '0' && *q <= '9')
			v = v * 10 + (*q++ - '0');
		if (k == 'n')
			c->n = v;
		else if (k == 't')
			c->ms = v;
		else if (k == 'p')
			c->pad = v < 8192 ? v : 8192;
		else
			d = v;
		if (q < body + n && *q == '-')
			q++;
		else
			break;
	}
	c->streaming = 1;
	st.requests++;
	if (++st.open > st.maxopen)
		st.maxopen = st.open;
	if (d)
		hadd(c, now() + d * 1000000);
	else {
		c->due = now();
		pump(c);
	}
}
static void reply(conn *c, int code, const char *body, size_t n)
{
	char h[256];
	int k = sprintf(h,
	    "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	    code, n);
	stash(c, h, k);
	if (n)
		stash(c, body, n);
	want(c, 1);
}
static void control(conn *c, const char *path)
{
	if (!strncmp(path, "/__cancels", 10)) {
		char *b = malloc(ncancel * 40 + 1), *p = b;
		for (unsigned i = 0; i < ncancel; i++)
			p += sprintf(p, "%u %lld\n", cancels[i].id,
			    (long long)cancels[i].ns);
		reply(c, 200, b, p - b);
		free(b);
		return;
	}
	if (!strncmp(path, "/__reset", 8)) {
		uint64_t o = st.open, k = st.conns;
		memset(&st, 0, sizeof st);
		st.open = st.maxopen = o;
		st.conns = k;
		ncancel = 0;
	}
	char b[1024];
	struct rusage ru;
	getrusage(RUSAGE_SELF, &ru);
	int k = sprintf(b,
	    "{\"open\":%lu,\"max_open\":%lu,\"conns\":%lu,\"accepted\":%lu,\"requests\":%lu,\"signed\":%lu,"
	    "\"completed\":%lu,\"peer_closed\":%lu,\"events\":%lu,\"bytes\":%lu,\"tls_full\":%lu,\"tls_resumed\":%lu,"
	    "\"bad\":%lu,\"cpu_ms\":%ld,\"maxrss_kb\":%ld}\n",
	    st.open, st.maxopen, st.conns, st.accepted, st.requests, st.signed_,
	    st.completed, st.closed, st.events, st.bytes, st.full, st.resumed,
	    st.bad,
	    (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000 +
		(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1000,
	    ru.ru_maxrss);
	reply(c, 200, b, k);
}
static void eat(conn *c, size_t n)
{
	memmove(c->in, c->in + n, c->inlen - n);
	c->inlen -= n;
	if (!c->inlen) {
		free(c->in);
		c->in = NULL;
		c->incap = 0;
	}
}
/* value of a header line within [h,e), or NULL */
static const char *hdr(const char *h, const char *e, const char *name)
{
	size_t k = strlen(name);
	for (const char *l = h; l < e; l++) {
		if (!strncasecmp(l, name, k) && l[k] == ':') {
			for (l += k + 1; *l == ' '; l++) {
			}
			return l;
		}
		if (!(l = memchr(l, '\n', e - l)))
			break;
	}
	return NULL;
}
static void parse_http(conn *c)
{
	char *e = memmem(c->in, c->inlen, "\r\n\r\n", 4);
	if (!e)
		return;
	size_t hl = e + 4 - c->in, cl = 0;
	const char *v = hdr(c->in, e, "content-length"),
		   *a = hdr(c->in, e, "authorization"),
		   *k = hdr(c->in, e, "connection");
	if (v)
		cl = strtoul(v, NULL, 10);
	if (cl > MAXREQ) {
		kill_conn(c);
		return;
	}
	if (c->inlen < hl + cl)
		return;
	if (k && !strncasecmp(k, "close", 5))
		c->closeafter = 1;
	char path[1024];
	char *sp = memchr(c->in, ' ', hl);
	size_t pl = 0;
	if (sp)
		for (sp++; *sp != ' ' && *sp != '\r' && pl < sizeof path - 1;)
			path[pl++] = *sp++;
	path[pl] = 0;
	if (!strncmp(path, "/__", 3)) {
		eat(c, hl + cl);
		control(c, path);
		return;
	}
	if (strncmp(path, "/runtimes/", 10) || !strstr(path, "/invocations") ||
	    strncmp(c->in, "POST ", 5)) {
		st.bad++;
		eat(c, hl + cl);
		reply(c, 404, "{}", 2);
		return;
	}
	if (a && !strncmp(a, "AWS4-HMAC-SHA256 ", 17))
		st.signed_++;
	char body[4096]; /* enough of it to find what is asked for */
	size_t bl = cl < sizeof body ? cl : sizeof body;
	memcpy(body, c->in + hl, bl);
	eat(c, hl + cl);
	start(c, body, bl);
}
static void parse_fcgi(conn *c)
{
	/* in: records; a request's STDIN is small here and is looked at whole
	 * when its empty record comes */
	size_t o = 0, bl = 0;
	static char body[65536];
	while (c->inlen - o >= 8) {
		unsigned char *h = (unsigned char *)c->in + o;
		unsigned len = h[4] << 8 | h[5], tot = 8 + len + h[6];
		if (c->inlen - o < tot)
			break;
		if (h[1] == 1) {
			c->fid = h[2] << 8 | h[3];
			c->fkeep = h[10] & 1;
			bl = 0;
		} else if (h[1] == 2) { /* abort: as good as a close */
			kill_conn(c);
			return;
		} else if (h[1] == 5) {
			if (len) {
				if (bl + len < sizeof body) {
					memcpy(body + bl, h + 8, len);
					bl += len;
				}
			} else {
				eat(c, o + tot);
				start(c, body, bl);
				return;
			}
		} else if (h[1] == 9)
			st.bad++;
		o += tot;
	}
}
static void parse(conn *c)
{
	if (c->kind == FCGI)
		parse_fcgi(c);
	else
		parse_http(c);
}
static void readable(conn *c)
{
	char b[16384];
	for (;;) {
		ssize_t r;
		if (c->ssl) {
			ERR_clear_error();
			r = SSL_read(c->ssl, b, sizeof b);
			if (r <= 0) {
				int e = SSL_get_error(c->ssl, r);
				if (e == SSL_ERROR_WANT_READ ||
				    e == SSL_ERROR_WANT_WRITE)
					return;
				kill_conn(c);
				return;
			}
		} else {
			r = read(c->fd, b, sizeof b);
			if (r <= 0) {
				if (r < 0 && errno == EAGAIN)
					return;
				kill_conn(c);
				return;
			}
		}
		if (c->inlen + r > c->incap) {
			c->incap = c->inlen + r;
			if (c->incap > MAXREQ + 65536) {
				kill_conn(c);
				return;
			}
			c->in = realloc(c->in, c->incap);
		}
		memcpy(c->in + c->inlen, b, r);
		c->inlen += r;
		if (!c->streaming)
			parse(c);
		if (c->fd < 0 || (!c->ssl && r < (ssize_t)sizeof b))
			return;
	}
}
static void writable(conn *c)
{
	while (c->outlen) {
		ssize_t r = put(c, c->out + c->outoff, c->outlen - c->outoff);
		if (r < 0) {
			kill_conn(c);
			return;
		}
		if (!r)
			return;
		st.bytes += r;
		if ((c->outoff += r) == c->outlen) {
			free(c->out);
			c->out = NULL;
			c->outoff = c->outlen = 0;
		}
	}
	want(c, 0);
	if (!c->streaming)
		drained(c);
	else if (c->hpos < 0)
		pump(c); /* overdue, or a flood */
}
static void accept_all(conn *l)
{
	for (int i = 0; i < 256; i++) {
		int fd =
		    accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		int one = 1;
		if (l->kind != L_FCGI)
			setsockopt(
			    fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		conn *c = calloc(1, sizeof *c);
		c->fd = fd;
		c->hpos = -1;
		c->kind = l->kind + 3;
		if (c->kind == TLS) {
			c->ssl = SSL_new(ctx);
			SSL_set_fd(c->ssl, fd);
			SSL_set_accept_state(c->ssl);
			c->handshake = 1;
		}
		st.conns++;
		st.accepted++;
		struct epoll_event e = {
		    .events = EPOLLIN | EPOLLRDHUP, .data.ptr = c};
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	}
}
static int alpn(SSL *s, const unsigned char **o, unsigned char *ol,
    const unsigned char *i, unsigned il, void *a)
{
	(void)s;
	(void)a;
	static const unsigned char h1[] = "\x08http/1.1";
	if (SSL_select_next_proto((unsigned char **)o, ol, h1, 9, i, il) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_OK;
}
static void die(const char *m)
{
	perror(m);
	exit(1);
}
static void listen_on(int kind, const char *addr, int port, const char *path)
{
	int fd, one = 1;
	if (path) {
		struct sockaddr_un u = {.sun_family = AF_UNIX};
		snprintf(u.sun_path, sizeof u.sun_path, "%s", path);
		unlink(path);
		fd = socket(
		    AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (bind(fd, (void *)&u, sizeof u))
			die(path);
	} else {
		struct sockaddr_in a = {
		    .sin_family = AF_INET, .sin_port = htons(port)};
		inet_pton(AF_INET, addr, &a.sin_addr);
		fd = socket(
		    AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(fd, (void *)&a, sizeof a))
			die("bind");
	}
	if (listen(fd, 65535))
		die("listen");
	conn *l = calloc(1, sizeof *l);
	l->fd = fd;
	l->kind = kind;
	l->hpos = -1;
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

int main(int argc, char **argv)
{
	const char *addr = "127.0.0.1", *cert = NULL, *key = NULL, *fcgi = NULL;
	int port = 0, tport = 0, o;
	while ((o = getopt(argc, argv, "p:t:b:C:K:f:")) > 0)
		switch (o) {
		case 'p':
			port = atoi(optarg);
			break;
		case 't':
			tport = atoi(optarg);
			break;
		case 'b':
			addr = optarg;
			break;
		case 'C':
			cert = optarg;
			break;
		case 'K':
			key = optarg;
			break;
		case 'f':
			fcgi = optarg;
			break;
		default:
			return 2;
		}
	struct rlimit rl;
	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	signal(SIGPIPE, SIG_IGN);
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (tport) {
		ctx = SSL_CTX_new(TLS_server_method());
		SSL_CTX_set_mode(ctx,
		    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		SSL_CTX_set_alpn_select_cb(ctx, alpn, NULL);
		if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
		    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) !=
			1) {
			ERR_print_errors_fp(stderr);
			return 1;
		}
		listen_on(L_TLS, addr, tport, NULL);
	}
	if (port)
		listen_on(L_HTTP, addr, port, NULL);
	if (fcgi)
		listen_on(L_FCGI, NULL, 0, fcgi);
	puts("ready");
	fflush(stdout);
	static struct epoll_event ev[512];
	for (;;) {
		struct timespec ts, *tp = NULL;
		if (hn) {
			int64_t d = heap[0]->due - now();
			if (d < 0)
				d = 0;
			ts.tv_sec = d / 1000000000;
			ts.tv_nsec = d % 1000000000;
			tp = &ts;
		}
		int n = epoll_pwait2(ep, ev, 512, tp, NULL);
		if (n < 0 && errno != EINTR)
			die("epoll");
		for (int i = 0; i < n; i++) {
			conn *c = ev[i].data.ptr;
			if (c->kind <= L_FCGI) {
				accept_all(c);
				continue;
			}
			if (c->fd < 0)
				continue;
			if (c->handshake) {
				ERR_clear_error();
				int r = SSL_do_handshake(c->ssl),
				    e = r == 1 ? 0 : SSL_get_error(c->ssl, r);
				if (r == 1) {
					c->handshake = 0;
					if (SSL_session_reused(c->ssl))
						st.resumed++;
					else
						st.full++;
					want(c, 0);
					readable(c);
				} else if (e == SSL_ERROR_WANT_WRITE)
					want(c, 1);
				else if (e != SSL_ERROR_WANT_READ) {
					st.bad++;
					kill_conn(c);
				}
				continue;
			}
			if (ev[i].events &
			    (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
				if (ev[i].events & (EPOLLHUP | EPOLLERR)) {
					kill_conn(c);
					continue;
				}
				readable(c);
				if (c->fd >= 0 && !c->ssl &&
				    (ev[i].events & EPOLLRDHUP)) {
					kill_conn(c);
					continue;
				}
			}
			if (c->fd >= 0 && (ev[i].events & EPOLLOUT))
				writable(c);
		}
		int64_t t = now();
		for (int k = 0; hn && heap[0]->due <= t && k < 4096; k++) {
			conn *c = heap[0];
			hdel(c);
			pump(c);
		}
		while (graveyard) {
			conn *c = graveyard;
			graveyard = c->dead;
			free(c->in);
			free(c->out);
			free(c);
		}
	}
}
