#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "env.h"
#include "loop.h"

enum {
	/* How often to look whether the program has ended: nobody tells
	 * us, as SIGCHLD belongs to the whole process. */
	POLL_MS = 20,
	/* After its end, as what still comes is from others that it left; and
	 * after a kill, which fails if it is another user's or hangs in the
	 * kernel.  No time, so that the loop has looked at the pipes too. */
	LAST_POLLS = 25,
	CANCEL_TRIES = 50, /* of 1 ms, as these block the loop */
	NOT_RUN = 126,
	NOT_FOUND = 127,
	PATH_SIZE = 4096,
	EXCESS_SIZE = 4096,
	FIRST_FREE = 3,
	MAX_DESCRIPTORS = 1 << 20 /* to close one by one: a tenth of a second */
};

/* Where a web server has not set PATH. */
static const char default_path[] = "/usr/local/bin:/usr/bin:/bin";

/* Never grows, as that would leave copies of secrets behind. */
struct stream {
	struct spawn *spawn;
	struct loop_watch *watch;
	int fd; /* our end; -1 once it has ended */
	char *ptr;
	size_t len, max;
};

struct spawn {
	struct loop *loop;
	struct loop_timer *timer;
	struct stream out, err;
	pid_t pid;   /* 0 once it has been reaped */
	bool killed; /* by us */
	uint64_t deadline_ms;
	unsigned polls; /* left, once it was killed or reaped */
	struct spawn_result result;
	spawn_done *done;
	void *ctx;
};

/* What the child needs; all is made before the fork, as another thread may
 * hold a lock of the allocator's for ever in the child. */
struct child {
	const char *path; /* NULL if there is no such program */
	char *const *argv;
	char **env;
	int in, out, err;
	int limit; /* descriptors end here */
};

/* NULL if PATH has it not.  Relative directories there are skipped: nobody
 * chose our working directory for this. */
static const char *find_program(char out[static PATH_SIZE], const char *name)
{
	const char *path = env_get("PATH");
	struct slice rest = slice_from(path == NULL ? default_path : path);
	struct slice program = slice_from(name);
	struct stat st;

	if (program.len == 0 || slice_find(program, SLICE("/")) < program.len)
		return name;
	while (rest.len > 0) {
		struct slice directory = slice_cut(&rest, ':');

		if (!slice_starts(directory, SLICE("/")) ||
		    directory.len + program.len + 2 > PATH_SIZE)
			continue;
		memcpy(out, directory.ptr, directory.len);
		out[directory.len] = '/';
		memcpy(out + directory.len + 1, program.ptr, program.len + 1);
		if (stat(out, &st) == 0 && S_ISREG(st.st_mode) &&
		    access(out, X_OK) == 0)
			return out;
	}
	return NULL;
}

static int descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    limit.rlim_cur > MAX_DESCRIPTORS)
		return MAX_DESCRIPTORS;
	return (int)limit.rlim_cur;
}

/* From here to run_child: in the child, async-signal-safe calls alone. */

/* All of ours close by themselves; those that we inherited may not. */
static void close_others(int limit)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, FIRST_FREE, ~0U, 0) == 0)
		return;
#endif
	for (int fd = FIRST_FREE; fd < limit; fd++)
		(void)close(fd);
}

/* Ignored ones, as SIGPIPE is here, would stay so across exec. */
static void reset_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void run_child(const struct child *child)
{
	(void)setpgid(0, 0);
	if (child->path == NULL)
		_exit(NOT_FOUND);
	/* All three are above these, so none is lost on the way. */
	if (dup2(child->in, STDIN_FILENO) < 0 ||
	    dup2(child->out, STDOUT_FILENO) < 0 ||
	    dup2(child->err, STDERR_FILENO) < 0)
		_exit(NOT_RUN);
	close_others(child->limit);
	reset_signals();
	(void)execve(child->path, child->argv, child->env);
	_exit(errno == ENOENT || errno == ENOTDIR ? NOT_FOUND : NOT_RUN);
}

/* A signal between fork and exec must not reach a handler of ours in the
 * child, which shares its pipe with us. */
static pid_t fork_child(const struct child *child)
{
	sigset_t all, before;
	pid_t pid;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		run_child(child);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	/* Both do it, so that it is done when either goes on. */
	if (pid > 0)
		(void)setpgid(pid, pid);
	return pid;
}

/* The kernel keeps no exit status while SIGCHLD is ignored, and a web server
 * may have left it so. */
static void keep_exit_status(void)
{
	struct sigaction action;

	if (sigaction(SIGCHLD, NULL, &action) == 0 &&
	    action.sa_handler == SIG_IGN)
		(void)signal(SIGCHLD, SIG_DFL);
}

static void close_maybe(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

static void end_stream(struct stream *stream)
{
	loop_watch_free(stream->watch);
	stream->watch = NULL;
	close_maybe(stream->fd);
	stream->fd = -1;
}

static void free_stream(struct stream *stream)
{
	end_stream(stream);
	if (stream->ptr != NULL)
		explicit_bzero(stream->ptr, stream->max);
	free(stream->ptr);
}

static void free_spawn(struct spawn *spawn)
{
	free_stream(&spawn->out);
	free_stream(&spawn->err);
	loop_timer_free(spawn->timer);
	free(spawn);
}

static void kill_group(const struct spawn *spawn)
{
	/* Once it is reaped, its number may be that of another. */
	if (spawn->pid == 0)
		return;
	(void)kill(-spawn->pid, SIGKILL);
	(void)kill(spawn->pid, SIGKILL);
}

/* Whether the program has ended; its end is then in the result. */
static bool reap(struct spawn *spawn)
{
	struct spawn_result *result = &spawn->result;
	int status;
	pid_t pid;

	if (spawn->pid == 0)
		return true;
	pid = waitpid(spawn->pid, &status, WNOHANG);
	if (pid == 0 || (pid < 0 && errno == EINTR))
		return false;
	spawn->pid = 0;
	if (spawn->killed)
		return true;
	spawn->polls = LAST_POLLS;
	if (pid > 0 && WIFSIGNALED(status)) {
		result->how = SPAWN_KILLED;
		result->code = WTERMSIG(status);
	} else {
		result->how = SPAWN_EXITED;
		result->code = pid > 0 ? WEXITSTATUS(status) : NOT_RUN;
	}
	return true;
}

static void finish(struct spawn *spawn)
{
	const struct stream *out = &spawn->out, *err = &spawn->err;

	spawn->result.out = (struct slice){.ptr = out->ptr, .len = out->len};
	spawn->result.err = (struct slice){.ptr = err->ptr, .len = err->len};
	spawn->done(spawn->ctx, &spawn->result);
	free_spawn(spawn);
}

static void end_by_force(struct spawn *spawn, enum spawn_how how)
{
	kill_group(spawn);
	spawn->killed = true;
	spawn->polls = LAST_POLLS;
	spawn->result.how = how;
	spawn->result.code = SIGKILL;
	end_stream(&spawn->out);
	end_stream(&spawn->err);
}

/* What time and the program's end ask for. */
static void proceed(void *ctx)
{
	struct spawn *spawn = ctx;
	bool ended = reap(spawn);

	if (!ended && !spawn->killed &&
	    loop_now_ms(spawn->loop) >= spawn->deadline_ms) {
		end_by_force(spawn, SPAWN_TIMED_OUT);
		ended = reap(spawn);
	}
	if ((ended && spawn->out.fd < 0 && spawn->err.fd < 0) ||
	    ((ended || spawn->killed) && spawn->polls-- == 0))
		finish(spawn);
	else
		loop_timer_start(spawn->timer, POLL_MS);
}

static void on_stream(void *ctx, unsigned events)
{
	struct stream *stream = ctx;
	struct spawn *spawn = stream->spawn;
	char excess[EXCESS_SIZE];
	bool full = stream->len == stream->max;
	ssize_t n = full ? read(stream->fd, excess, sizeof excess)
			 : read(stream->fd, stream->ptr + stream->len,
			       stream->max - stream->len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR) &&
	    (events & LOOP_READABLE) != 0)
		return;
	if (n <= 0) {
		end_stream(stream);
		proceed(spawn);
	} else if (!full) {
		stream->len += (size_t)n;
	} else if (stream == &spawn->out) {
		explicit_bzero(excess, (size_t)n);
		end_by_force(spawn, SPAWN_TOO_MUCH);
		proceed(spawn);
	}
}

/* The descriptor, or a copy of it that is none of the standard ones, which
 * may all be free here, and are what the child replaces. */
static int lift(int fd)
{
	int higher;

	if (fd < 0 || fd >= FIRST_FREE)
		return fd;
	higher = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE);
	(void)close(fd);
	return higher;
}

/* The other end of its pipe, or -1. */
static int open_stream(struct spawn *spawn, struct stream *stream)
{
	int ends[2];

	stream->ptr = malloc(stream->max + 1);
	if (stream->ptr == NULL || pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	stream->fd = lift(ends[0]);
	ends[1] = lift(ends[1]);
	if (stream->fd >= 0)
		stream->watch =
		    loop_watch_new(spawn->loop, stream->fd, on_stream, stream);
	if (stream->watch != NULL) {
		loop_watch_set(stream->watch, LOOP_READABLE);
		return ends[1];
	}
	close_maybe(ends[1]);
	return -1;
}

static bool start(struct spawn *spawn, char *const *argv)
{
	char path[PATH_SIZE];
	struct child child = {
	    .path = find_program(path, argv[0]),
	    .argv = argv,
	    .env = env_for_program(),
	    .in = lift(open("/dev/null", O_RDONLY | O_CLOEXEC)),
	    .out = open_stream(spawn, &spawn->out),
	    .err = open_stream(spawn, &spawn->err),
	    .limit = descriptor_limit(),
	};

	keep_exit_status();
	if (child.env != NULL && child.in >= 0 && child.out >= 0 &&
	    child.err >= 0)
		spawn->pid = fork_child(&child);
	close_maybe(child.in);
	close_maybe(child.out);
	close_maybe(child.err);
	free(child.env);
	return spawn->pid > 0;
}

struct spawn *spawn_start(struct loop *loop,
    const struct spawn_options *options, spawn_done *done, void *ctx)
{
	struct spawn *spawn = calloc(1, sizeof *spawn);

	if (spawn == NULL)
		return NULL;
	spawn->loop = loop;
	spawn->out =
	    (struct stream){.spawn = spawn, .fd = -1, .max = options->max_out};
	spawn->err =
	    (struct stream){.spawn = spawn, .fd = -1, .max = options->max_err};
	spawn->deadline_ms = loop_now_ms(loop) + options->timeout_ms;
	spawn->done = done;
	spawn->ctx = ctx;
	spawn->timer = loop_timer_new(loop, proceed, spawn);
	if (spawn->timer == NULL || !start(spawn, options->argv)) {
		free_spawn(spawn);
		return NULL;
	}
	loop_timer_start(spawn->timer, POLL_MS);
	return spawn;
}

void spawn_cancel(struct spawn *spawn)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	if (spawn == NULL)
		return;
	kill_group(spawn);
	for (int i = 0; i < CANCEL_TRIES && !reap(spawn); i++)
		(void)nanosleep(&pause, NULL);
	free_spawn(spawn);
}
