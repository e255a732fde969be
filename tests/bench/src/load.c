/*
 * load: opens many SSE streams and measures them; prints one JSON object.
 *
 * A measuring tool, not part of the product: it trusts its command line, ends
 * with the first allocation that fails and never frees what lives to its end.
 *
 *   load -u URL [options]
 *   URL  http://host:port/path | unix:/socket:/path
 *        fcgi:host:port:/path | fcgi-unix:/socket:/path
 *   -P PROMPT  what to ask the emulator for (bench-n20-t0-p0)
 *   -e N       events expected per stream
 *   -f         form-encoded body instead of JSON
 *   -b BODY    the body itself
 *   -c C       streams at once
 *   -n N       streams in all (C)
 *   -r R       starts per second (0: no limit)
 *   -d S       stop starting after S seconds
 *   -T S       give up S seconds after the start
 *   -k 0|1     reuse connections (1)
 *   -S K       spread over K source addresses
 *   -H S       hold: when all C are open wait 1 s (-g S), measure for S
 *              seconds, then close them all
 *   -w         with -H: let the streams end by themselves
 *   -x E       close each stream after E events, then ask
 *              -q HOST:PORT/__cancels when the emulator saw that (waiting at
 *              most -Q S seconds, 10)
 *   -p app:PID,PID;front:PID  processes whose trees' CPU time and PSS are
 *              measured
 *   -X CMD     cold start, N times one after the other: run CMD as a CGI
 *              program (body on stdin) and time the first event on its
 *              stdout; with -u: run CMD as a server and ask it
 *
 * Only the emulator's events count: data lines that begin with "S: (see
 * upstream.c) in events without a name.  Comments, id lines and events that
 * have a name are the relay's own and are passed over; an event named error
 * is counted as one.  Any other data line is counted as not understood.
 *
 * Latency of an event: time right after the read that brought it, minus the T
 * inside it.  One thread, epoll.  /proc is read by a forked child, so that it
 * does not disturb the figures.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef int64_t i64;
static i64 now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (i64)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- histogram: 64 steps per power of two, of ns (under 1.6 % error) ---- */
typedef struct {
	uint64_t n;
	i64 max;
	double sum;
	uint32_t b[64 * 42];
} hist;
static int bucket(uint64_t v)
{
	if (v < 64)
		return v;
	int e = 63 - __builtin_clzll(v);
	int i = (e - 5) * 64 + ((v >> (e - 6)) & 63);
	return i < 64 * 42 ? i : 64 * 42 - 1;
}
static double value(int i)
{
	if (i < 64)
		return i;
	int e = i / 64 + 5;
	return (double)((64ULL + (i & 63)) << (e - 6)) +
	    (double)(1ULL << (e - 6)) / 2;
}
static void hadd(hist *h, i64 v)
{
	if (v < 0)
		v = 0;
	h->n++;
	h->sum += v;
	if (v > h->max)
		h->max = v;
	h->b[bucket(v)]++;
}
static double pct(hist *h, double p)
{
	uint64_t want = (uint64_t)(p * h->n), s = 0;
	for (int i = 0; i < 64 * 42; i++)
		if ((s += h->b[i]) > want)
			return value(i);
	return h->max;
}
static void hprint(const char *name, hist *h)
{
	if (!h->n)
		return;
	printf(
	    "\"%s\":{\"n\":%lu,\"mean\":%.1f,\"p50\":%.1f,\"p95\":%.1f,\"p99\":%.1f,\"max\":%.1f},",
	    name, h->n, h->sum / h->n / 1e3, pct(h, .5) / 1e3,
	    pct(h, .95) / 1e3, pct(h, .99) / 1e3, h->max / 1e3);
}

/* ---- options and the run's state ---- */
enum {
	CONNECTING,
	SENDING,
	HEAD,
	BODY,
	IDLE
};
typedef struct {
	int fd;
	uint8_t state, chunked, eofbody, keep, cs, frt, frh[8], frn, used,
	    named;
	uint32_t idx, nev, sid, hl, pl, frpad;
	i64 t0, tc, ts, tf, left, next, frlen;
	char *h;    /* header being read */
	char p[96]; /* start of an unfinished line */
} conn;

static struct sockaddr_storage sa;
static socklen_t salen;
static int fcgi, unixs, C = 1, N, R, K = 1, S = 0, X = 0, W = 0, form = 0;
static double D = 0, T = 60, H = -1, G = 1, Q = 10;
static i64 E = -1;
static char *req, *path, *body, *prompt, *ctl, *groups, *coldcmd, host[128];
static size_t reql;
static int ep;
static conn *cs;
static hist hconn, httfe, hlat, hramp, hdur, hcancel, hreq;
static uint64_t events, bytes, started, done_ok, lost, ooo, e_conn, e_status,
    e_eof, e_parse, e_short, opened, e_timeout, e_event;
static int active, steady, lastcode;
static i64 tstart, tlast;
static struct {
	uint32_t sid;
	i64 t;
} * canc;
static unsigned ncanc;

static struct {
	const char *label;
	int fd;
	pid_t pid;
	i64 t;
	uint64_t ev, by;
	double busy, own;
} marks[8];
static int nmarks;

/* ---- CPU and memory of process trees ---- */
static i64 fnum(const char *file, const char *key)
{
	char b[8192];
	int fd = open(file, O_RDONLY);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, b, sizeof b - 1);
	close(fd);
	if (n <= 0)
		return 0;
	b[n] = 0;
	char *k = key ? strstr(b, key) : b;
	return k ? atoll(k + (key ? strlen(key) : 0)) : 0;
}
static void trees(FILE *o, int mem)
{
	static struct {
		int pid, pp, g, thr;
		i64 cpu, kids;
	} t[16384];
	int n = 0;
	DIR *d = opendir("/proc");
	struct dirent *e;
	char f[300], b[1024];
	while ((e = readdir(d)) && n < 16384) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		snprintf(f, sizeof f, "/proc/%s/stat", e->d_name);
		int fd = open(f, O_RDONLY);
		if (fd < 0)
			continue;
		ssize_t r = read(fd, b, sizeof b - 1);
		close(fd);
		if (r <= 0)
			continue;
		b[r] = 0;
		long long ut, st, cu, cst;
		int pp, thr;
		char *p = strrchr(b, ')');
		if (!p ||
		    sscanf(p + 2,
			"%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %lld %lld %*d %*d %d",
			&pp, &ut, &st, &cu, &cst, &thr) != 6)
			continue;
		t[n].pid = atoi(e->d_name);
		t[n].pp = pp;
		t[n].g = 0;
		t[n].thr = thr;
		i64 tick = 1000000000 / sysconf(_SC_CLK_TCK);
		t[n].cpu = (ut + st) * tick;
		t[n++].kids = (cu + cst) * tick; /* children that have ended */
	}
	closedir(d);
	int g = 0;
	char *gs = strdup(groups), *sv, *gr;
	fprintf(o, "{");
	for (gr = strtok_r(gs, ";", &sv); gr; gr = strtok_r(NULL, ";", &sv)) {
		g++;
		char *c = strchr(gr, ':'), *sv2;
		if (!c)
			continue;
		*c++ = 0;
		for (char *p = strtok_r(c, ",", &sv2); p;
		     p = strtok_r(NULL, ",", &sv2))
			for (int i = 0; i < n; i++)
				if (t[i].pid == atoi(p))
					t[i].g = g;
		for (int more = 1; more;) {
			more = 0;
			for (int i = 0; i < n; i++)
				if (!t[i].g)
					for (int j = 0; j < n; j++)
						if (t[j].g == g &&
						    t[j].pid == t[i].pp) {
							t[i].g = g;
							more = 1;
							break;
						}
		}
		i64 cpu = 0, pss = 0, rss = 0, procs = 0, thr = 0;
		for (int i = 0; i < n; i++)
			if (t[i].g == g) {
				procs++;
				thr += t[i].thr;
				/* ns of the living threads, unless some have
				 * ended and the ticks say more */
				i64 ns = 0;
				snprintf(
				    f, sizeof f, "/proc/%d/task", t[i].pid);
				DIR *td = opendir(f);
				struct dirent *te;
				while (td && (te = readdir(td)))
					if (te->d_name[0] != '.') {
						snprintf(f, sizeof f,
						    "/proc/%d/task/%.12s/schedstat",
						    t[i].pid, te->d_name);
						ns += fnum(f, NULL);
					}
				if (td)
					closedir(td);
				cpu +=
				    (ns > t[i].cpu ? ns : t[i].cpu) + t[i].kids;
				if (mem) {
					snprintf(f, sizeof f,
					    "/proc/%d/smaps_rollup", t[i].pid);
					pss += fnum(f, "\nPss:");
					rss += fnum(f, "\nRss:");
				}
			}
		fprintf(o,
		    "%s\"%s\":{\"procs\":%ld,\"threads\":%ld,\"cpu_us\":%.1f",
		    g > 1 ? "," : "", gr, procs, thr, cpu / 1e3);
		if (mem)
			fprintf(o, ",\"pss_kb\":%ld,\"rss_kb\":%ld", pss, rss);
		fprintf(o, "}");
	}
	if (mem)
		fprintf(o, ",\"tcp_mem_kb\":%ld",
		    fnum("/proc/net/sockstat", " mem ") * 4);
	fprintf(o, "}");
}
/* CPU seconds that all of the machine has spent busy (user, nice, system, irq,
 * softirq, steal) */
static double busy(void)
{
	long long u, n, k, id, io, hi, si, stl;
	FILE *f = fopen("/proc/stat", "r");
	if (!f)
		return 0;
	int r = fscanf(f, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &u, &n,
	    &k, &id, &io, &hi, &si, &stl);
	fclose(f);
	return r == 8
	    ? (u + n + k + hi + si + stl) / (double)sysconf(_SC_CLK_TCK)
	    : 0;
}
static void mark(const char *label, int mem)
{
	int p[2];
	if (nmarks == 8)
		return;
	marks[nmarks].label = label;
	marks[nmarks].t = now();
	marks[nmarks].ev = events;
	marks[nmarks].by = bytes;
	marks[nmarks].fd = -1;
	marks[nmarks].busy = busy();
	struct rusage ru;
	getrusage(RUSAGE_SELF, &ru);
	marks[nmarks].own = ru.ru_utime.tv_sec + ru.ru_stime.tv_sec +
	    (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	if (groups && *groups && !pipe2(p, O_CLOEXEC)) {
		pid_t k = fork();
		if (!k) {
			FILE *o = fdopen(p[1], "w");
			trees(o, mem);
			fclose(o);
			_exit(0);
		}
		close(p[1]);
		marks[nmarks].fd = p[0];
		marks[nmarks].pid = k;
	}
	nmarks++;
}
static void waitmark(void)
{
	if (marks[nmarks - 1].fd >= 0)
		waitpid(marks[nmarks - 1].pid, NULL, 0);
}

/* ---- requests ---- */
static size_t fcgi_len(char *p, size_t n)
{
	if (n < 128) {
		*p = n;
		return 1;
	}
	p[0] = 0x80 | n >> 24;
	p[1] = n >> 16;
	p[2] = n >> 8;
	p[3] = n;
	return 4;
}
static void build(void)
{
	char *b = body,
	     *ct = form ? "application/x-www-form-urlencoded"
			: "application/json";
	if (!b)
		asprintf(
		    &b, form ? "prompt=%s" : "{\"prompt\":\"%s\"}", prompt);
	body = b;
	if (!path)
		return;
	if (!fcgi) {
		reql = asprintf(&req,
		    "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nAccept: text/event-stream\r\n"
		    "User-Agent: load\r\nContent-Length: %zu\r\n%s\r\n%s",
		    path, host, ct, strlen(b), K ? "" : "Connection: close\r\n",
		    b);
		return;
	}
	char cl[24];
	snprintf(cl, sizeof cl, "%zu", strlen(b));
	char *q = strchr(path, '?'), *scr = q ? strndup(path, q - path) : path;
	const char *kv[][2] = {{"GATEWAY_INTERFACE", "CGI/1.1"},
	    {"SERVER_PROTOCOL", "HTTP/1.1"}, {"REQUEST_METHOD", "POST"},
	    {"CONTENT_TYPE", ct}, {"CONTENT_LENGTH", cl}, {"REQUEST_URI", path},
	    {"SCRIPT_NAME", scr}, {"PATH_INFO", ""},
	    {"QUERY_STRING", q ? q + 1 : ""}, {"SERVER_NAME", "localhost"},
	    {"SERVER_PORT", "80"}, {"REMOTE_ADDR", "127.0.0.1"},
	    {"SERVER_SOFTWARE", "load"}, {"HTTP_HOST", "localhost"},
	    {"HTTP_ACCEPT", "text/event-stream"},
	    {"SCRIPT_FILENAME",
		getenv("SCRIPT_FILENAME") ? getenv("SCRIPT_FILENAME") : scr}};
	char *p = req = calloc(1, 8192 + strlen(b)), *h;
	unsigned char begin[16] = {1, 1, 0, 1, 0, 8, 0, 0, 0, 1, K ? 1 : 0};
	memcpy(p, begin, 16);
	p += 16;
	h = p;
	p += 8;
	for (size_t i = 0; i < sizeof kv / sizeof *kv; i++) {
		p += fcgi_len(p, strlen(kv[i][0]));
		p += fcgi_len(p, strlen(kv[i][1]));
		p = stpcpy(stpcpy(p, kv[i][0]), kv[i][1]);
	}
	size_t l = p - h - 8;
	h[0] = 1;
	h[1] = 4;
	h[3] = 1;
	h[4] = l >> 8;
	h[5] = l;
	p[0] = 1;
	p[1] = 4;
	p[3] = 1;
	p += 8;
	l = strlen(b);
	p[0] = 1;
	p[1] = 5;
	p[3] = 1;
	p[4] = l >> 8;
	p[5] = l;
	memcpy(p + 8, b, l);
	p += 8 + l;
	p[0] = 1;
	p[1] = 5;
	p[3] = 1;
	p += 8;
	reql = p - req;
}

static void epmod(conn *c, int op, int ev)
{
	struct epoll_event e = {.events = ev, .data.ptr = c};
	epoll_ctl(ep, op, c->fd, &e);
}
static void drop(conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	free(c->h);
	c->h = NULL;
}
static void fail(conn *c, uint64_t *why)
{
	if (getenv("LOAD_DEBUG"))
		fprintf(stderr, "stream %u failed: %s code %d ev %u errno %s\n",
		    c->idx,
		    why == &e_conn         ? "connect"
			: why == &e_status ? "status"
			: why == &e_eof    ? "eof"
			: why == &e_parse  ? "parse"
					   : "?",
		    lastcode, c->nev, strerror(errno));
	++*why;
	drop(c);
	c->state = IDLE;
	active--;
}
static void finish(conn *c, int reusable)
{
	i64 t = now();
	tlast = t;
	hadd(&hdur, t - c->tc);
	done_ok++;
	if (E >= 0 && c->nev < E) {
		lost += E - c->nev;
		e_short++;
	} else if (!c->nev)
		e_short++;
	c->state = IDLE;
	active--;
	if (!K || !reusable)
		drop(c);
}
static void sendreq(conn *c);
static void begin(conn *c)
{
	c->idx = started++;
	c->nev = c->sid = c->hl = c->pl = 0;
	c->tf = c->next = 0;
	c->chunked = c->cs = c->eofbody = c->named = 0;
	c->keep = 1;
	c->frn = 0;
	c->frlen = c->frpad = 0;
	c->left = -1;
	active++;
	c->t0 = now();
	if (c->fd >= 0) {
		c->used = 1;
		c->tc = c->t0;
		sendreq(c);
		return;
	}
	c->used = 0;
	c->fd =
	    socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		fail(c, &e_conn);
		return;
	}
	int one = 1;
	if (!unixs) {
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		if (S) {
			struct sockaddr_in a = {.sin_family = AF_INET};
			a.sin_addr.s_addr = htonl(0x7f000002 + c->idx % S);
			setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT,
			    &one, sizeof one);
			bind(c->fd, (void *)&a, sizeof a);
		}
	}
	int r = connect(c->fd, (void *)&sa, salen);
	if (r && errno != EINPROGRESS) {
		fail(c, &e_conn); /* a unix socket with a full backlog comes
				     here too */
		return;
	}
	c->state = CONNECTING;
	epmod(c, EPOLL_CTL_ADD, EPOLLOUT);
	if (!r) {
		c->tc = now();
		hadd(&hconn, c->tc - c->t0);
		sendreq(c);
	}
}
static void sendreq(conn *c)
{
	c->ts = now();
	ssize_t r = send(c->fd, req, reql, MSG_NOSIGNAL);
	if (r != (ssize_t)reql) {
		fail(c, &e_conn);
		return;
	} /* small: it fits */
	c->state = HEAD;
	epmod(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLRDHUP);
}

/* ---- parsing: 0 go on, 1 the stream has ended, -1 failed or closed ---- */
static int line(conn *c, const char *l, size_t n, i64 t)
{
	if (!n || *l == '\r') {
		c->named = 0;
		return 0;
	} /* ends the event */
	if (n > 6 && !memcmp(l, "event:", 6)) {
		c->named = 1;
		if (n >= 11 && !memcmp(l + (l[6] == ' ') + 6, "error", 5)) {
			if (getenv("LOAD_DEBUG"))
				fprintf(stderr,
				    "stream %u: error event after %u\n", c->idx,
				    c->nev);
			e_event++;
		}
		return 0;
	}
	if (n < 5 || memcmp(l, "data:", 5) || c->named)
		return 0; /* comments, ids, the relay's own */
	const char *e = l + n, *s = l + 5;
	if (s < e && *s == ' ')
		s++;
	if (e - s < 3 || memcmp(s, "\"S:", 3)) {
		e_parse++;
		return 0;
	}
	uint64_t v[3] = {0};
	for (int k = 0; k < 3; k++) {
		while (s < e && (*s < '0' || *s > '9'))
			s++;
		while (s < e && *s >= '0' && *s <= '9')
			v[k] = v[k] * 10 + (*s++ - '0');
	}
	if (!c->nev) {
		c->sid = v[0];
		c->tf = t;
		hadd(&httfe, t - c->ts);
		hadd(&hreq, (i64)v[2] - c->ts);
		if (H >= 0)
			opened++;
	} else if (c->sid != v[0])
		ooo++;
	if ((i64)v[1] > c->next) {
		lost += v[1] - c->next;
		c->next = v[1] + 1;
	} else if ((i64)v[1] < c->next)
		ooo++;
	else
		c->next++;
	c->nev++;
	events++;
	tlast = t;
	hadd(steady || H < 0 ? &hlat : &hramp, t - (i64)v[2]);
	if (X && c->nev == (unsigned)X) {
		if (!(ncanc & (ncanc - 1)))
			canc = realloc(
			    canc, (ncanc ? ncanc * 2 : 1) * sizeof *canc);
		canc[ncanc].sid = c->sid;
		drop(c);
		canc[ncanc++].t = now();
		done_ok++;
		c->state = IDLE;
		active--;
		return -1;
	}
	return 0;
}
static int sse(conn *c, const char *b, size_t n, i64 t)
{
	bytes += n;
	while (n) {
		const char *nl = memchr(b, '\n', n);
		size_t k = nl ? (size_t)(nl - b) : n;
		if (!nl || c->pl) {
			size_t room = sizeof c->p - c->pl,
			       m = k < room ? k : room;
			memcpy(c->p + c->pl, b, m);
			c->pl += m;
			if (nl) {
				size_t pl = c->pl;
				c->pl = 0;
				if (line(c, c->p, pl, t))
					return -1;
			}
		} else if (line(c, b, k, t))
			return -1;
		if (nl)
			k++;
		b += k;
		n -= k;
	}
	return 0;
}
static int bodyb(conn *c, const char *b, size_t n, i64 t)
{
	if (!c->chunked) {
		size_t k = n;
		if (c->left >= 0 && (i64)k > c->left)
			k = c->left;
		if (sse(c, b, k, t))
			return -1;
		if (c->left >= 0 && !(c->left -= k))
			return 1;
		return 0;
	}
	while (n)
		switch (c->cs) {
		case 0: /* size */
			if (*b == '\n')
				c->cs = c->left > 0 ? 2 : 4;
			else if (*b == ';' || *b == '\r')
				c->cs = 1;
			else {
				int d = *b >= '0' && *b <= '9' ? *b - '0'
				    : (*b | 32) >= 'a' && (*b | 32) <= 'f'
				    ? (*b | 32) - 'a' + 10
				    : -1;
				if (d < 0) {
					fail(c, &e_parse);
					return -1;
				}
				c->left = (c->left < 0 ? 0 : c->left) * 16 + d;
			}
			b++;
			n--;
			break;
		case 1: /* rest of the size line */
			if (*b++ == '\n')
				c->cs = c->left > 0 ? 2 : 4;
			n--;
			break;
		case 2: { /* data */
			size_t k = n < (size_t)c->left ? n : (size_t)c->left;
			if (sse(c, b, k, t))
				return -1;
			b += k;
			n -= k;
			if (!(c->left -= k))
				c->cs = 3;
			break;
		}
		case 3: /* line end after the data */
			if (*b++ == '\n') {
				c->cs = 0;
				c->left = -1;
			}
			n--;
			break;
		case 4: /* trailers: an empty line ends them */
			if (*b == '\n')
				return 1;
			if (*b != '\r')
				c->cs = 5;
			b++;
			n--;
			break;
		case 5:
			if (*b++ == '\n')
				c->cs = 4;
			n--;
		}
	return 0;
}
static int http(conn *c, const char *b, size_t n, i64 t)
{
	if (c->state == BODY)
		return bodyb(c, b, n, t);
	if (!c->h)
		c->h = malloc(8192);
	size_t k = n < 8191 - c->hl ? n : 8191 - c->hl, old = c->hl;
	memcpy(c->h + c->hl, b, k);
	c->h[c->hl += k] = 0;
	char *e = strstr(c->h, "\r\n\r\n");
	size_t el = 4;
	if (!e && fcgi) {
		e = strstr(c->h, "\n\n");
		el = 2;
	}
	if (!e) {
		if (c->hl >= 8191) {
			fail(c, &e_parse);
			return -1;
		}
		return 0;
	}
	size_t used = e + el - c->h - old;
	e[0] = 0;
	int code = fcgi ? 200 : atoi(c->h + 9);
	char *v;
	if (fcgi && !strncasecmp(c->h, "status:", 7))
		code = atoi(c->h + 7);
	if (!fcgi) {
		if (strcasestr(c->h, "\ntransfer-encoding: chunked"))
			c->chunked = 1;
		else if ((v = strcasestr(c->h, "\ncontent-length:")))
			c->left = atoll(v + 16);
		else
			c->eofbody = 1;
		if (strcasestr(c->h, "\nconnection: close") ||
		    !strncmp(c->h, "HTTP/1.0", 8))
			c->keep = 0;
	}
	free(c->h);
	c->h = NULL;
	lastcode = code;
	if (code != 200) {
		fail(c, &e_status);
		return -1;
	}
	c->state = BODY;
	return used < n ? bodyb(c, b + used, n - used, t) : 0;
}
static int feed(conn *c, const char *b, size_t n, i64 t)
{
	if (!fcgi)
		return http(c, b, n, t);
	while (n) {
		if (c->frn < 8) {
			c->frh[c->frn++] = *b++;
			n--;
			if (c->frn == 8) {
				c->frt = c->frh[1];
				c->frlen = c->frh[4] << 8 | c->frh[5];
				c->frpad = c->frh[6];
			}
		} else if (c->frlen) {
			size_t k = n < (size_t)c->frlen ? n : (size_t)c->frlen;
			if (c->frt == 6 && http(c, b, k, t))
				return -1;
			b += k;
			n -= k;
			c->frlen -= k;
		} else {
			size_t k = n < c->frpad ? n : c->frpad;
			b += k;
			n -= k;
			c->frpad -= k;
		}
		if (c->frn == 8 && !c->frlen && !c->frpad) {
			c->frn = 0;
			if (c->frt == 3)
				return 1;
		}
	}
	return 0;
}
static void readable(conn *c)
{
	static char b[262144];
	for (int i = 0; i < 4; i++) {
		ssize_t r = read(c->fd, b, sizeof b);
		if (r < 0 && errno == EAGAIN)
			return;
		if (c->state == IDLE) {
			drop(c);
			return;
		} /* an idle connection was closed */
		if (r <= 0) {
			if (r == 0 && c->state == BODY && c->eofbody && !fcgi) {
				finish(c, 0);
				return;
			}
			if (c->used && c->state == HEAD &&
			    !c->hl) { /* the server closed a kept connection:
					 again on a new one */
				drop(c);
				active--;
				started--;
				begin(c);
				return;
			}
			fail(c, &e_eof);
			return;
		}
		int k = feed(c, b, r, now());
		if (k < 0)
			return;
		if (k > 0) {
			finish(c, c->keep);
			return;
		}
		if (r < (ssize_t)sizeof b)
			return;
	}
}

/* ---- when did the emulator see the closes? ---- */
static void ask_cancels(void)
{
	char *s = strdup(ctl), *p = strchr(s, ':');
	*p++ = 0;
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_port = htons(atoi(p))};
	inet_pton(AF_INET, s, &a.sin_addr);
	i64 end = now() + (i64)(Q * 1e9);
	for (;;) {
		memset(&hcancel, 0, sizeof hcancel);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		size_t n = 0, cap = 1 << 22;
		char *b = malloc(cap);
		const char *q =
		    "GET /__cancels HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
		if (!connect(fd, (void *)&a, sizeof a) &&
		    send(fd, q, strlen(q), 0) > 0)
			for (ssize_t r; n < cap - 1 &&
			     (r = read(fd, b + n, cap - 1 - n)) > 0;)
				n += r;
		close(fd);
		b[n] = 0;
		char *l = strstr(b, "\r\n\r\n");
		for (l = l ? l + 4 : b + n; *l;) {
			char *e;
			unsigned long sid = strtoul(l, &e, 10);
			long long ns = strtoll(e, &e, 10);
			for (unsigned i = 0; i < ncanc; i++)
				if (canc[i].sid == sid) {
					hadd(&hcancel, ns - canc[i].t);
					break;
				}
			l = *e ? e + 1 : e;
		}
		free(b);
		if (hcancel.n >= ncanc || now() > end)
			return;
		usleep(100000);
	}
}

/* ---- cold starts ---- */
static int cmpd(const void *a, const void *b)
{
	double d = *(double *)a - *(double *)b;
	return (d > 0) - (d < 0);
}
static void cold(int server)
{
	double ms[1024], cpu[1024];
	long rss = 0;
	int ok = 0;
	char cl[24];
	snprintf(cl, sizeof cl, "%zu", strlen(body));
	setenv("CONTENT_LENGTH", cl, 1);
	setenv("CONTENT_TYPE",
	    form ? "application/x-www-form-urlencoded" : "application/json", 1);
	setenv("REQUEST_METHOD", "POST", 1);
	setenv("GATEWAY_INTERFACE", "CGI/1.1", 1);
	setenv("SERVER_PROTOCOL", "HTTP/1.1", 1);
	setenv("SERVER_SOFTWARE", "load", 1);
	setenv("SERVER_NAME", "localhost", 1);
	setenv("SERVER_PORT", "80", 1);
	setenv("REMOTE_ADDR", "127.0.0.1", 1);
	setenv("QUERY_STRING", "", 1);
	setenv("HTTP_HOST", "localhost", 1);
	setenv("HTTP_ACCEPT", "text/event-stream", 1);
	for (int i = 0; i < N && i < 1024; i++) {
		int in[2], out[2], got = 0;
		if (pipe(in) || pipe(out))
			return;
		i64 t0 = now(), t1 = 0;
		pid_t p = fork();
		if (!p) {
			dup2(in[0], 0);
			if (!server)
				dup2(out[1], 1);
			else
				dup2(2, 1);
			close(in[0]);
			close(in[1]);
			close(out[0]);
			close(out[1]);
			execl("/bin/sh", "sh", "-c", coldcmd, (char *)NULL);
			_exit(127);
		}
		close(in[0]);
		close(out[1]);
		if (!server)
			(void)!write(in[1], body, strlen(body));
		close(in[1]);
		int fd = out[0];
		if (server) {
			close(fd);
			for (fd = -1; now() - t0 < 20000000000LL; usleep(500)) {
				fd = socket(sa.ss_family,
				    SOCK_STREAM | SOCK_CLOEXEC, 0);
				if (!connect(fd, (void *)&sa, salen))
					break;
				close(fd);
				fd = -1;
			}
			if (fd >= 0)
				(void)!send(fd, req, reql, MSG_NOSIGNAL);
		}
		static char b[65536];
		size_t n = 0;
		for (ssize_t r; fd >= 0 && n < sizeof b - 1 &&
		     (r = read(fd, b + n, sizeof b - 1 - n)) > 0;) {
			n += r;
			b[n] = 0;
			if (!got && strstr(b, "data: \"S:")) {
				t1 = now();
				got = 1;
				if (server)
					break;
			}
		}
		if (fd >= 0)
			close(fd);
		if (server)
			kill(p, SIGTERM);
		struct rusage ru;
		int stt;
		wait4(p, &stt, 0, &ru);
		if (!got)
			continue;
		cpu[ok] = (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1e3 +
		    (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e3;
		ms[ok++] = (t1 - t0) / 1e6;
		if (ru.ru_maxrss > rss)
			rss = ru.ru_maxrss;
	}
	if (!ok) {
		printf("{\"runs\":%d,\"ok\":0}\n", N);
		return;
	}
	qsort(ms, ok, sizeof *ms, cmpd);
	qsort(cpu, ok, sizeof *cpu, cmpd);
	printf(
	    "{\"runs\":%d,\"ok\":%d,\"first_event_ms\":{\"min\":%.2f,\"p50\":%.2f,\"max\":%.2f},\"cpu_ms_p50\":%.2f,\"maxrss_kb\":%ld}\n",
	    N, ok, ms[0], ms[ok / 2], ms[ok - 1], cpu[ok / 2], rss);
}

static void address(char *u)
{
	struct sockaddr_un *un = (void *)&sa;
	struct sockaddr_in *in = (void *)&sa;
	strcpy(host, "localhost");
	if (!strncmp(u, "fcgi", 4))
		fcgi = 1;
	if (!strncmp(u, "unix:", 5) || !strncmp(u, "fcgi-unix:", 10)) {
		char *s = strchr(u, ':') + 1, *p = strrchr(s, ':');
		unixs = 1;
		un->sun_family = AF_UNIX;
		snprintf(
		    un->sun_path, sizeof un->sun_path, "%.*s", (int)(p - s), s);
		salen = sizeof *un;
		path = p + 1;
		return;
	}
	char *s = fcgi ? u + 5 : u + 7, *p = strchr(s, '/'),
	     *c = strchr(s, ':');
	path = p ? p : "/";
	snprintf(host, sizeof host, "%.*s",
	    (int)((p ? (size_t)(p - s) : strlen(s))), s);
	in->sin_family = AF_INET;
	in->sin_port = htons(c ? atoi(c + 1) : 80);
	char h[64];
	snprintf(h, sizeof h, "%.*s", (int)((c ? c : p) - s), s);
	if (inet_pton(AF_INET, strcmp(h, "localhost") ? h : "127.0.0.1",
		&in->sin_addr) != 1) {
		fprintf(stderr, "bad address %s\n", h);
		exit(2);
	}
	salen = sizeof *in;
}

int main(int argc, char **argv)
{
	int o;
	char *url = NULL;
	prompt = "bench-n20-t0-p0";
	while ((o = getopt(
		    argc, argv, "u:P:e:fb:c:n:r:d:T:k:S:H:g:wx:q:Q:p:X:")) > 0)
		switch (o) {
		case 'u':
			url = optarg;
			break;
		case 'P':
			prompt = optarg;
			break;
		case 'e':
			E = atoll(optarg);
			break;
		case 'f':
			form = 1;
			break;
		case 'b':
			body = optarg;
			break;
		case 'c':
			C = atoi(optarg);
			break;
		case 'n':
			N = atoi(optarg);
			break;
		case 'r':
			R = atoi(optarg);
			break;
		case 'd':
			D = atof(optarg);
			break;
		case 'T':
			T = atof(optarg);
			break;
		case 'k':
			K = atoi(optarg);
			break;
		case 'S':
			S = atoi(optarg);
			break;
		case 'H':
			H = atof(optarg);
			break;
		case 'g':
			G = atof(optarg);
			break;
		case 'w':
			W = 1;
			break;
		case 'x':
			X = atoi(optarg);
			break;
		case 'q':
			ctl = optarg;
			break;
		case 'Q':
			Q = atof(optarg);
			break;
		case 'p':
			groups = optarg;
			break;
		case 'X':
			coldcmd = optarg;
			break;
		default:
			return 2;
		}
	if (!N)
		N = C;
	if (H >= 0)
		N = C;
	struct rlimit rl;
	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	signal(SIGPIPE, SIG_IGN);
	if (url)
		address(url);
	build();
	if (coldcmd) {
		cold(!!url);
		return 0;
	}
	if (!url)
		return 2;
	ep = epoll_create1(EPOLL_CLOEXEC);
	cs = calloc(C, sizeof *cs);
	for (int i = 0; i < C; i++) {
		cs[i].fd = -1;
		cs[i].state = IDLE;
	}
	mark("start", 1);
	waitmark();
	tstart = now();
	static struct epoll_event ev[512];
	int phase = 0, scan = 0; /* phase of a hold: 0 opening, 1 settling, 2
				    measuring, 3 after */
	i64 tphase = 0, tmid = 0, tprog = 0;
	uint64_t prog = 0;
	for (;;) {
		i64 t = now();
		if (t - tstart > T * 1e9)
			break;
		/* start what may be started */
		int may = !(D > 0 && t - tstart > D * 1e9);
		for (int budget = 64;
		     may && budget && (int)started < N && active < C;
		     budget--) {
			if (R && (double)started > (t - tstart) / 1e9 * R)
				break;
			int k = 0;
			while (k < C && cs[scan].state != IDLE) {
				scan = (scan + 1) % C;
				k++;
			}
			if (k == C)
				break;
			conn *c = &cs[scan];
			scan = (scan + 1) % C;
			begin(c);
		}
		if (!active && ((int)started >= N || !may))
			break;
		if (H >= 0) {
			if (prog != opened + started) {
				prog = opened + started;
				tprog = t;
			}
			/* all are open, or none has opened for 5 s */
			if (phase == 0 && (int)started >= N &&
			    (opened >= (unsigned)C || t - tprog > 5e9)) {
				phase = 1;
				tphase = t;
			} else if (phase == 1 && t - tphase > G * 1e9) {
				phase = 2;
				steady = 1;
				tphase = t;
				mark("open", 0);
			} else if (phase == 2 && !tmid &&
			    t - tphase > H * 5e8) {
				tmid = t;
				mark("mid", 1);
			} else if (phase == 2 && t - tphase > H * 1e9) {
				mark("end", 0);
				waitmark();
				steady = 0;
				phase = 3;
				if (!W)
					break;
			}
		}
		i64 wait = 100000000;
		if (R && may && (int)started < N && active < C)
			wait = 1000000;
		else if (may && (int)started < N && active < C)
			wait = 0;
		else if (H >= 0 && phase < 3)
			wait = 5000000;
		struct timespec ts = {0, wait};
		int n = epoll_pwait2(ep, ev, 512, &ts, NULL);
		for (int i = 0; i < n; i++) {
			conn *c = ev[i].data.ptr;
			if (c->fd < 0)
				continue;
			if (c->state == CONNECTING) {
				int err = 0;
				socklen_t l = sizeof err;
				getsockopt(
				    c->fd, SOL_SOCKET, SO_ERROR, &err, &l);
				if (err) {
					errno = err;
					fail(c, &e_conn);
					continue;
				}
				c->tc = now();
				hadd(&hconn, c->tc - c->t0);
				sendreq(c);
			} else
				readable(c);
		}
	}
	i64 tend = now();
	unsigned alive = 0;
	for (int i = 0; i < C; i++)
		if (cs[i].state != IDLE) {
			if (H >= 0 && !W && cs[i].nev)
				alive++;
			else
				e_timeout++;
		}
	mark("done", 0);
	waitmark();
	if (X && ctl)
		ask_cancels();
	struct rusage ru;
	getrusage(RUSAGE_SELF, &ru);
	double cpu = ru.ru_utime.tv_sec + ru.ru_stime.tv_sec +
	    (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6,
	       el = (tend - tstart) / 1e9;
	double act = tlast > tstart ? (tlast - tstart) / 1e9 : el;
	printf(
	    "{\"streams\":%lu,\"ok\":%lu,\"alive\":%u,\"seconds\":%.3f,\"events\":%lu,\"bytes\":%lu,\"events_s\":%.0f,\"mb_s\":%.2f,\"streams_s\":%.1f,"
	    "\"lost\":%lu,\"out_of_order\":%lu,\"errors\":{\"connect\":%lu,\"status\":%lu,\"eof\":%lu,\"parse\":%lu,\"short\":%lu,\"timeout\":%lu,\"event\":%lu,\"last_status\":%d},\"load_cpu_s\":%.3f,",
	    started, done_ok, alive, el, events, bytes, events / act,
	    bytes / act / 1e6, done_ok / act, lost, ooo, e_conn, e_status,
	    e_eof, e_parse, e_short, e_timeout, e_event, lastcode, cpu);
	hprint("connect_us", &hconn);
	hprint("ttfe_us", &httfe);
	hprint("request_leg_us", &hreq);
	hprint("latency_us", &hlat);
	hprint("latency_ramp_us", &hramp);
	hprint("duration_us", &hdur);
	if (X) {
		printf("\"cancel\":{\"closed\":%u,\"seen\":%lu},", ncanc,
		    hcancel.n);
		hprint("cancel_us", &hcancel);
	}
	printf("\"marks\":{");
	for (int i = 0; i < nmarks; i++) {
		printf(
		    "%s\"%s\":{\"t\":%.6f,\"events\":%lu,\"bytes\":%lu,\"machine_s\":%.2f,\"load_s\":%.3f,\"sut\":",
		    i ? "," : "", marks[i].label, (marks[i].t - tstart) / 1e9,
		    marks[i].ev, marks[i].by, marks[i].busy, marks[i].own);
		if (marks[i].fd >= 0) {
			char b[4096];
			ssize_t r, n = 0;
			while (n < (ssize_t)sizeof b &&
			    (r = read(marks[i].fd, b + n, sizeof b - n)) > 0)
				n += r;
			fwrite(b, 1, n, stdout);
		} else
			printf("{}");
		printf("}");
	}
	printf("}}\n");
	for (int i = 0; i < C; i++)
		drop(&cs[i]);
	while (wait(NULL) > 0) {
	}
	return 0;
}
