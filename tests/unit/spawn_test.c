#include "../../src/spawn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#endif

#include "../../src/clock.h"
#include "../../src/loop.h"
#include "alloc.h"
#include "tap.h"

enum {
	GUARD_MS = 60000,
	KEEP = 4096
};

/* What one program has come to. */
struct heard {
	unsigned calls;
	enum spawn_how how;
	int code;
	size_t out_len, err_len;
	char out[KEEP], err[KEEP];
};

static struct loop *loop;
static struct loop_timer *guard;
static struct spawn *running;
static unsigned left; /* programs whose end is awaited */
static char directory[] = P_tmpdir "/spawn_test.XXXXXX";
static char file[128];

/* A kill that fails, as of a program that is another user's by now. */
static bool kill_fails;

int kill(pid_t pid, int number)
{
	if (kill_fails) {
		errno = EPERM;
		return -1;
	}
	return (int)syscall(SYS_kill, pid, number);
}

static size_t keep(char to[static KEEP], struct slice text)
{
	struct slice some = slice_first(text, KEEP - 1);

	if (some.len > 0)
		memcpy(to, some.ptr, some.len);
	to[some.len] = '\0';
	return text.len;
}

static void on_done(void *ctx, const struct spawn_result *result)
{
	struct heard *heard = ctx;

	heard->calls++;
	heard->how = result->how;
	heard->code = result->code;
	heard->out_len = keep(heard->out, result->out);
	heard->err_len = keep(heard->err, result->err);
	if (--left == 0)
		loop_stop(loop);
}

static void on_guard(void *ctx)
{
	bool in_time = ctx != NULL;

	CHECK(in_time);
	loop_stop(loop);
}

static void begin(void)
{
	kill_fails = false;
	left = 0;
	loop = loop_new();
	guard = loop == NULL ? NULL : loop_timer_new(loop, on_guard, NULL);
	if (guard == NULL)
		abort();
	loop_timer_start(guard, GUARD_MS);
}

static void finish(void)
{
	loop_free(loop);
	/* No child is left behind, not even a dead one. */
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void start(
    struct heard *heard, char *const *argv, const struct spawn_options *options)
{
	struct spawn_options all = {
	    .argv = argv,
	    .timeout_ms = options->timeout_ms,
	    .max_out = options->max_out,
	    .max_err = options->max_err,
	};

	memset(heard, 0, sizeof *heard);
	running = spawn_start(loop, &all, on_done, heard);
	CHECK(running != NULL && heard->calls == 0);
	left += running != NULL;
}

static const struct spawn_options usual = {
    .timeout_ms = GUARD_MS, .max_out = KEEP - 1, .max_err = KEEP - 1};

/* Run argv to its end. */
static void run_program(
    struct heard *heard, char *const *argv, const struct spawn_options *options)
{
	begin();
	start(heard, argv, options);
	if (left > 0)
		loop_run(loop);
	CHECK(heard->calls == 1);
	finish();
}

static void start_script(struct heard *heard, const char *script,
    const struct spawn_options *options)
{
	char sh[] = "/bin/sh", c[] = "-c", *text = strdup(script);
	char *argv[] = {sh, c, text, NULL};

	start(heard, argv, options);
	free(text);
}

static void run_script(struct heard *heard, const char *script,
    const struct spawn_options *options)
{
	begin();
	start_script(heard, script, options);
	if (left > 0)
		loop_run(loop);
	CHECK(heard->calls == 1);
	finish();
}

static void check(
    const char *script, int code, const char *out, const char *err)
{
	struct heard heard;

	run_script(&heard, script, &usual);
	CHECK(heard.how == SPAWN_EXITED && heard.code == code);
	CHECK_SLICE(slice_from(heard.out), slice_from(out));
	CHECK_SLICE(slice_from(heard.err), slice_from(err));
}

static void write_file(const char *text, mode_t mode)
{
	FILE *to = fopen(file, "we");

	if (to == NULL || fputs(text, to) < 0 || fclose(to) != 0 ||
	    chmod(file, mode) != 0)
		abort();
}

TEST(gathers_both_outputs_and_the_exit_status)
{
	check("echo out; echo err >&2", 0, "out\n", "err\n");
	check("exit 3", 3, "", "");
	check("printf a; printf b >&2; printf c; exit 255", 255, "ac", "b");
}

TEST(hands_arguments_over_as_they_are)
{
	char sh[] = "/bin/sh", c[] = "-c", name[] = "name", a[] = "a b",
	     b[] = "", d[] = "$x'\"\\",
	     script[] = "for i; do echo \"[$i]\"; done";
	char *argv[] = {sh, c, script, name, a, b, d, NULL};
	struct heard heard;

	run_program(&heard, argv, &usual);
	CHECK_SLICE(slice_from(heard.out), SLICE("[a b]\n[]\n[$x'\"\\]\n"));
}

TEST(the_program_reads_nothing)
{
	check("cat; echo $?", 0, "0\n", "");
	check("read x || echo none", 0, "none\n", "");
}

TEST(the_program_has_our_environment)
{
	CHECK(setenv("SPAWN_TEST", "it's", 1) == 0);
	check("echo $SPAWN_TEST", 0, "it's\n", "");
	unsetenv("SPAWN_TEST");
}

static void check_descriptors(void)
{
	int fds[8];

	if (access("/proc/self/fd", R_OK) != 0) {
		printf("# skipped: no /proc\n");
		return;
	}
	/* Without O_CLOEXEC, as a web server may leave them. */
	for (size_t i = 0; i < 8; i++)
		fds[i] = fcntl(STDIN_FILENO, F_DUPFD, 3 + (int)i * 20);
	/* The last is that of ls itself. */
	check("ls /proc/self/fd", 0, "0\n1\n2\n3\n", "");
	for (size_t i = 0; i < 8; i++)
		close(fds[i]);
}

TEST(the_program_has_no_descriptor_of_ours)
{
	check_descriptors();
}

/* A kernel before 5.9 has no close_range.  For good, hence in a process of
 * its own, whose result is in its exit status. */
TEST(an_old_kernel_closes_them_one_by_one)
{
#if defined __linux__ && defined SYS_close_range
	struct sock_filter code[] = {
	    BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {
	    .len = sizeof code / sizeof *code, .filter = code};
	int status;

	(void)fflush(stdout);
	if (fork() == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
			_exit(77);
		CHECK(syscall(SYS_close_range, 100, 100, 0) != 0);
		check_descriptors();
		(void)fflush(stdout);
		_exit(tap_failed);
	}
	CHECK(wait(&status) > 0 && WIFEXITED(status));
	CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
	if (WEXITSTATUS(status) == 77)
		printf("# skipped: no seccomp\n");
#endif
}

/* A program of a web server may have the listening socket as descriptor 0 and
 * no other: then the ends of pipes are where those of the child must be. */
TEST(the_standard_descriptors_may_be_closed)
{
	static struct heard heard;

	for (int mask = 1; mask < 8; mask++) {
		int saved[3];

		begin();
		(void)fflush(stdout);
		for (int fd = 0; fd < 3; fd++) {
			saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
			if ((mask & 1 << fd) != 0)
				close(fd);
		}
		start_script(&heard, "cat; echo out; echo err >&2", &usual);
		loop_run(loop);
		for (int fd = 0; fd < 3; fd++) {
			dup2(saved[fd], fd);
			close(saved[fd]);
		}
		CHECK(heard.calls == 1 && heard.code == 0);
		CHECK_SLICE(slice_from(heard.out), SLICE("out\n"));
		CHECK_SLICE(slice_from(heard.err), SLICE("err\n"));
		finish();
	}
}

TEST(the_program_has_a_group_of_its_own)
{
	char script[128];

	(void)snprintf(script, sizeof script,
	    "set -- $(cat /proc/$$/stat); test $5 = $$ && test $5 != %ld && "
	    "echo own",
	    (long)getpgrp());
	check(script, 0, "own\n", "");
}

static void on_signal(int number)
{
	(void)number;
}

TEST(the_program_gets_signals_as_a_new_one_does)
{
	sigset_t some;

	sigemptyset(&some);
	sigaddset(&some, SIGTERM);
	sigprocmask(SIG_BLOCK, &some, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGUSR1, on_signal);
	/* 32 and 33 are the C library's own: some start their programs with
	 * them ignored, and nobody can change that. */
	check("grep -E '^Sig(Blk|Ign)' /proc/self/status | "
	      "sed -E 's/[01][08](0{7})$/\\1/' | tr -d ' \\t0'",
	    0, "SigBlk:\nSigIgn:\n", "");
	sigprocmask(SIG_UNBLOCK, &some, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGUSR1, SIG_DFL);
}

TEST(tells_of_a_program_that_is_not_there)
{
	static const char *const names[] = {
	    "/nonexistent/x", "spawn-test-nonexistent", "", "./nonexistent"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *argv[] = {strdup(names[i]), NULL};
		struct heard heard;

		run_program(&heard, argv, &usual);
		CHECK(heard.how == SPAWN_EXITED && heard.code == 127);
		CHECK(heard.out_len == 0 && heard.err_len == 0);
		free(argv[0]);
	}
}

TEST(tells_of_a_program_that_cannot_be_run)
{
	char *argv[] = {file, NULL};
	struct heard heard;

	write_file("#!/bin/sh\n", 0600);
	run_program(&heard, argv, &usual);
	CHECK(heard.how == SPAWN_EXITED && heard.code == 126);
	/* No shell takes a script that names none. */
	write_file("echo\n", 0700);
	run_program(&heard, argv, &usual);
	CHECK(heard.code == 126);
	write_file("#!/nonexistent/sh\n", 0700);
	run_program(&heard, argv, &usual);
	CHECK(heard.code == 127);
	argv[0] = directory;
	run_program(&heard, argv, &usual);
	CHECK(heard.code == 126);
}

static int run_by_path(const char *path, const char *name)
{
	char *argv[] = {strdup(name), NULL};
	struct heard heard;

	if (path == NULL)
		unsetenv("PATH");
	else
		setenv("PATH", path, 1);
	run_program(&heard, argv, &usual);
	free(argv[0]);
	return heard.code;
}

TEST(looks_a_name_up_in_path)
{
	char *before = strdup(getenv("PATH")), path[8192], name[5000];

	write_file("#!/bin/sh\nexit 7\n", 0700);
	(void)snprintf(path, sizeof path, "/nonexistent::.:%s:/bin", directory);
	CHECK(run_by_path(path, "program") == 7);
	CHECK(run_by_path(directory, "program") == 7);
	CHECK(run_by_path("/nonexistent", "program") == 127);
	CHECK(run_by_path("", "program") == 127);
	/* Neither in the working directory nor a directory itself. */
	CHECK(chdir(directory) == 0);
	CHECK(run_by_path("::.", "program") == 127);
	CHECK(run_by_path("/", "bin") == 127);
	CHECK(chdir("/") == 0);
	/* One that may not be run does not hide the next. */
	write_file("#!/bin/sh\nexit 7\n", 0600);
	CHECK(run_by_path(directory, "program") == 127);
	CHECK(run_by_path(NULL, "true") == 0);
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	CHECK(run_by_path("/bin", name) == 127);
	setenv("PATH", before, 1);
	free(before);
}

TEST(tells_of_a_signal)
{
	struct heard heard;

	run_script(&heard, "echo x; kill -TERM $$", &usual);
	CHECK(heard.how == SPAWN_KILLED && heard.code == SIGTERM);
	CHECK_SLICE(slice_from(heard.out), SLICE("x\n"));
}

/* With a web server's SIGCHLD, which exec does not reset. */
TEST(the_exit_status_does_not_get_lost)
{
	(void)signal(SIGCHLD, SIG_IGN);
	check("exit 5", 5, "", "");
	(void)signal(SIGCHLD, SIG_DFL);
}

TEST(somebody_else_may_reap_it)
{
	struct heard heard;

	begin();
	start_script(&heard, "exit 0", &usual);
	CHECK(waitpid(-1, NULL, 0) > 0);
	loop_run(loop);
	CHECK(heard.calls == 1 && heard.how == SPAWN_EXITED);
	CHECK(heard.code != 0);
	finish();
}

TEST(waits_for_a_program_that_closes_its_outputs)
{
	check("exec >&- 2>&-; sleep 0.2; exit 4", 4, "", "");
}

/* Whether the process whose id file holds has gone. */
static bool is_gone(void)
{
	char text[32] = "";
	FILE *from = fopen(file, "re");
	pid_t pid;

	if (from == NULL || fgets(text, sizeof text, from) == NULL)
		abort();
	fclose(from);
	pid = (pid_t)strtol(text, NULL, 10);
	for (int i = 0; i < 1000; i++) {
		char path[64], state = '\0';

		(void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
		from = fopen(path, "re");
		if (from == NULL)
			return true;
		/* Dead, but nobody has taken it in yet. */
		if (fgets(text, sizeof text, from) != NULL)
			state = strstr(text, ") Z") == NULL ? 'R' : 'Z';
		fclose(from);
		if (state == 'Z')
			return true;
		usleep(10000);
	}
	return false;
}

TEST(ends_a_program_and_its_children_in_time)
{
	struct spawn_options options = usual;
	struct heard heard;
	char script[256];
	uint64_t before = clock_mono_ms();

	options.timeout_ms = 300;
	(void)snprintf(script, sizeof script,
	    "echo out; trap '' TERM; sleep 100 & echo $! >%s; wait; sleep 100",
	    file);
	run_script(&heard, script, &options);
	CHECK(heard.how == SPAWN_TIMED_OUT && heard.code == SIGKILL);
	CHECK_SLICE(slice_from(heard.out), SLICE("out\n"));
	CHECK(clock_mono_ms() - before >= 300);
	CHECK(clock_mono_ms() - before < 50000);
	CHECK(is_gone());
}

TEST(does_not_wait_for_children_that_keep_the_outputs)
{
	struct heard heard;
	char script[256];
	uint64_t before = clock_mono_ms();

	(void)snprintf(script, sizeof script,
	    "echo out; (sleep 0.1; echo late; exec sleep 100) & "
	    "echo $! >%s; exit 6",
	    file);
	run_script(&heard, script, &usual);
	CHECK(heard.how == SPAWN_EXITED && heard.code == 6);
	CHECK_SLICE(slice_from(heard.out), SLICE("out\nlate\n"));
	CHECK(clock_mono_ms() - before < 50000);
	/* They are none of ours to kill. */
	(void)snprintf(script, sizeof script, "kill -9 $(cat %s)", file);
	check(script, 0, "", "");
	CHECK(is_gone());
}

TEST(such_children_may_not_write_too_much_either)
{
	struct spawn_options options = usual;
	struct heard heard;

	options.max_out = 10;
	run_script(&heard,
	    "(sleep 0.1; while echo 0123456789; do :; done) 2>&- & exit 0",
	    &options);
	CHECK(heard.how == SPAWN_TOO_MUCH && heard.out_len == 10);
}

TEST(ends_a_program_that_writes_too_much)
{
	struct spawn_options options = usual;
	struct heard heard;

	options.max_out = 10;
	run_script(&heard, "printf 0123456789", &options);
	CHECK(heard.how == SPAWN_EXITED && heard.out_len == 10);
	run_script(&heard, "printf 0123456789a; sleep 100", &options);
	CHECK(heard.how == SPAWN_TOO_MUCH && heard.code == SIGKILL);
	CHECK_SLICE(slice_from(heard.out), SLICE("0123456789"));
	run_script(&heard, "while :; do echo x; done", &options);
	CHECK(heard.how == SPAWN_TOO_MUCH);
	options.max_out = 0;
	run_script(&heard, "echo x; sleep 100", &options);
	CHECK(heard.how == SPAWN_TOO_MUCH && heard.out_len == 0);
	run_script(&heard, "exit 0", &options);
	CHECK(heard.how == SPAWN_EXITED && heard.code == 0);
}

TEST(drops_errors_beyond_the_most)
{
	struct spawn_options options = usual;
	struct heard heard;

	options.max_err = 10;
	run_script(&heard,
	    "printf 0123456789abc >&2; head -c 300000 /dev/zero >&2; echo out",
	    &options);
	CHECK(heard.how == SPAWN_EXITED && heard.code == 0);
	CHECK_SLICE(slice_from(heard.out), SLICE("out\n"));
	CHECK_SLICE(slice_from(heard.err), SLICE("0123456789"));
	CHECK(heard.err_len == 10);
}

TEST(takes_more_than_a_pipe_holds)
{
	struct spawn_options options = usual;
	struct heard heard;

	options.max_out = 1000000;
	run_script(&heard, "head -c 1000000 /dev/zero", &options);
	CHECK(heard.how == SPAWN_EXITED && heard.out_len == 1000000);
}

TEST(runs_many_at_once)
{
	enum {
		MANY = 40
	};
	static struct heard heard[MANY];
	char script[64];

	begin();
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(script, sizeof script,
		    "echo %d; echo e%d >&2; exit %d", i, i, i);
		start_script(&heard[i], script, &usual);
	}
	loop_run(loop);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(script, sizeof script, "%d\n", i);
		CHECK(heard[i].calls == 1 && heard[i].code == i);
		CHECK_SLICE(slice_from(heard[i].out), slice_from(script));
	}
	finish();
}

static void on_cancel(void *ctx)
{
	(void)ctx;
	spawn_cancel(running);
	loop_stop(loop);
}

TEST(cancel_ends_the_group_without_a_word)
{
	struct heard heard;
	struct loop_timer *timer;
	char script[256];

	begin();
	(void)snprintf(script, sizeof script,
	    "sleep 100 & echo $! >%s; echo x; wait", file);
	write_file("", 0600);
	start_script(&heard, script, &usual);
	timer = loop_timer_new(loop, on_cancel, NULL);
	loop_timer_start(timer, 500);
	loop_run(loop);
	CHECK(heard.calls == 0);
	finish();
	CHECK(is_gone());
}

TEST(cancel_is_possible_at_once)
{
	struct heard heard;

	spawn_cancel(NULL);
	begin();
	start_script(&heard, "sleep 100", &usual);
	spawn_cancel(running);
	CHECK(heard.calls == 0);
	finish();
}

/* Whether the program, which our kill has not reached, is still there; it is
 * then killed. */
static bool was_left(void)
{
	char text[32] = "";
	bool there = waitpid(-1, NULL, WNOHANG) == 0;
	FILE *from;

	kill_fails = false;
	for (int i = 0; i < 1000 && text[0] == '\0'; i++) {
		from = fopen(file, "re");
		if (from == NULL)
			abort();
		if (fgets(text, sizeof text, from) == NULL)
			usleep(10000);
		fclose(from);
	}
	if (text[0] == '\0')
		return false;
	(void)kill((pid_t)strtol(text, NULL, 10), SIGKILL);
	(void)waitpid(-1, NULL, 0);
	return there;
}

TEST(a_program_that_cannot_be_killed_does_not_hold_us)
{
	struct spawn_options options = usual;
	struct heard heard;
	char script[256];

	(void)snprintf(
	    script, sizeof script, "echo $$ >%s; exec sleep 100", file);
	options.timeout_ms = 100;
	begin();
	kill_fails = true;
	write_file("", 0600);
	start_script(&heard, script, &options);
	loop_run(loop);
	CHECK(heard.calls == 1 && heard.how == SPAWN_TIMED_OUT);
	CHECK(was_left());
	kill_fails = true;
	write_file("", 0600);
	start_script(&heard, script, &usual);
	spawn_cancel(running);
	CHECK(was_left());
	finish();
}

static size_t open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	if (dir == NULL)
		return 0;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

TEST(survives_lack_of_memory)
{
	char sh[] = "/bin/true";
	char *argv[] = {sh, NULL};
	struct spawn_options options = usual;
	struct heard heard = {0};
	size_t n = 0, before;

	options.argv = argv;
	begin();
	/* What the loop makes for its first descriptor, it keeps. */
	start(&heard, argv, &usual);
	loop_run(loop);
	before = open_descriptors();
	for (;; n++) {
		alloc_fail_at(n);
		running = spawn_start(loop, &options, on_done, &heard);
		if (!alloc_failed())
			break;
		CHECK(running == NULL);
		CHECK(open_descriptors() == before);
	}
	CHECK(n == 7);
	left = 1;
	loop_run(loop);
	CHECK(heard.calls == 2 && heard.code == 0);
	finish();
}

TEST(survives_lack_of_descriptors)
{
	char sh[] = "/bin/true";
	char *argv[] = {sh, NULL};
	struct spawn_options options = usual;
	struct heard heard = {0};
	struct rlimit old, low;
	size_t before;
	int next, more = 0;

	options.argv = argv;
	begin();
	start(&heard, argv, &usual);
	loop_run(loop);
	before = open_descriptors();
	/* The limit is at the first one that is free, then at the next. */
	next = dup(STDIN_FILENO);
	close(next);
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	running = NULL;
	while (running == NULL && more < 100) {
		low.rlim_cur = (rlim_t)(next + more++);
		setrlimit(RLIMIT_NOFILE, &low);
		running = spawn_start(loop, &options, on_done, &heard);
		setrlimit(RLIMIT_NOFILE, &old);
		CHECK(running != NULL || open_descriptors() == before);
	}
	CHECK(running != NULL && more > 5);
	left = 1;
	loop_run(loop);
	CHECK(heard.calls == 2 && heard.code == 0);
	finish();
}

int main(void)
{
	int result;

	if (mkdtemp(directory) == NULL)
		return 1;
	(void)snprintf(file, sizeof file, "%s/program", directory);
	result = tap_run();
	unlink(file);
	rmdir(directory);
	return result;
}
