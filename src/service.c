#include "service.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "buf.h"
#include "config.h"
#include "env.h"
#include "gateway.h"
#include "http.h"
#include "listen.h"
#include "locate.h"
#include "log.h"
#include "loop.h"
#include "notify.h"
#include "options.h"
#include "relay.h"
#include "server.h"
#include "trust.h"
#include "upstream.h"

enum {
	/* Runs' last moments when a web server has spawned us: it sends
	 * SIGKILL 3 to 8 s after SIGTERM. */
	SPAWNED_DRAIN_MS = 2000,
	/* After the runs have ended, for their last bytes. */
	LAST_BYTES_MS = 1000,
	/* Asked of systemd beyond what we need, as timers may be late. */
	SPARE_MS = 1000,
	/* Without any run, before memory is given back. */
	IDLE_MS = 1000
};

struct service {
	struct loop *loop;
	struct http *http;
	struct upstream_shared *upstreams;
	struct config *trusted; /* that ca_file and state_dir came from */
	struct relay *relay;
	struct server *server;
	struct loop_timer *timer; /* limits the drain */
	struct loop_timer *idle_timer;
	struct notify *notify;   /* NULL in CGI */
	const char *config_path; /* NULL: the environment alone */
	uint64_t drain_ms;
	bool spawned, cgi;
	bool configured; /* some configuration has been in use */
	bool leaving;    /* exit as soon as nothing is busy */
	bool ended;      /* the runs have been told to end */
};

/* ---- configuration ---- */

static void warn_unsupported(const struct config *config)
{
	struct buf keys;
	struct slice rest;

	buf_init(&keys, 64 << 10);
	config_unsupported(config, &keys);
	rest = buf_slice(&keys);
	while (rest.len > 0) {
		struct slice key = slice_cut(&rest, '\n');

		log_write(LOG_WARNING,
		    "configuration: %.*s has no effect in this version",
		    SLICE_ARG(key));
	}
	buf_free(&keys);
}

/* NULL, logged and in *error, if it is unusable. */
static struct config *load(
    const struct service *service, struct config_error *error)
{
	struct config *config = NULL;
	enum status status =
	    config_load(service->config_path, env_get, &config, error);

	if (status == STATUS_OK)
		return config;
	if (status == STATUS_NO_MEMORY)
		(void)snprintf(error->text, sizeof error->text, "no memory");
	log_write(LOG_ERROR, "configuration: %s", error->text);
	return NULL;
}

/* What the service manager shows: how we stand after a load. */
static void tell_ready(const struct service *service, bool loaded,
    const struct config_error *error)
{
	char status[sizeof error->text + 64] = "answering requests";

	if (!loaded)
		(void)snprintf(status, sizeof status,
		    service->configured
			? "answering by the settings from before: %s"
			: "answering 503: configuration: %s",
		    error->text);
	notify_ready(service->notify, status);
}

/* Use a configuration, which is taken over; with NULL, what was in use stays,
 * or nothing. */
static void use(struct service *service, struct config *config)
{
	if (config == NULL)
		return;
	service->configured = true;
	log_set_level(config->log_level);
	if (!service->cgi)
		warn_unsupported(config);
	service->drain_ms =
	    service->spawned && config->drain_timeout_ms > SPAWNED_DRAIN_MS
	    ? SPAWNED_DRAIN_MS
	    : config->drain_timeout_ms;
	relay_configure(service->relay, config);
}

static void on_hangup(void *ctx)
{
	struct service *service = ctx;
	struct config_error error;
	struct config *config;

	/* There are no new requests, and the manager knows that we end. */
	if (service->leaving)
		return;
	notify_reloading(service->notify);
	log_write(LOG_INFO, "reading the configuration again");
	config = load(service, &error);
	use(service, config);
	tell_ready(service, config != NULL, &error);
}

/* ---- the end ---- */

static void leave_if_quiet(void *ctx)
{
	struct service *service = ctx;

	if (service->leaving && relay_clients(service->relay) == 0 &&
	    server_busy(service->server) == 0)
		loop_stop(service->loop);
}

static void end_runs(void *ctx)
{
	struct service *service = ctx;

	if (service->ended) {
		log_write(LOG_WARNING, "some answers could not be ended");
		loop_stop(service->loop);
		return;
	}
	service->ended = true;
	loop_timer_start(service->timer, LAST_BYTES_MS);
	relay_end_all(service->relay);
	leave_if_quiet(service);
}

static void on_terminate(void *ctx)
{
	struct service *service = ctx;

	if (service->leaving && (!service->cgi || service->ended))
		return;
	service->leaving = true;
	server_drain(service->server);
	relay_drain(service->relay);
	if (service->cgi) {
		end_runs(service);
		return;
	}
	log_write(LOG_INFO, "stopping: %llu answers are running",
	    (unsigned long long)relay_runs(service->relay));
	loop_timer_start(service->timer, service->drain_ms);
	notify_stopping(
	    service->notify, service->drain_ms + LAST_BYTES_MS + SPARE_MS);
	leave_if_quiet(service);
}

/* Memory of a busy hour goes back to the system, once nothing has run for a
 * while: doing so costs as much as a request. */
static void give_back_memory(void *ctx)
{
	const struct service *service = ctx;

#ifdef __GLIBC__
	if (relay_runs(service->relay) == 0)
		(void)malloc_trim(0);
#else
	(void)service;
#endif
}

static void on_idle(void *ctx)
{
	struct service *service = ctx;

	loop_timer_start(service->idle_timer, IDLE_MS);
	leave_if_quiet(service);
}

/* ---- putting it together ---- */

static void on_handle(void *ctx, struct gateway *gateway, enum status read)
{
	struct service *service = ctx;

	relay_handle(service->relay, gateway, read);
}

static size_t on_max_body(void *ctx)
{
	const struct service *service = ctx;

	return relay_max_body(service->relay);
}

static void on_finished(void *ctx, struct gateway *gateway, bool left)
{
	struct service *service = ctx;

	server_finish(service->server, gateway, left);
}

static const struct {
	int signal;
	loop_callback *callback;
} signals[] = {
    {SIGTERM, on_terminate},
    {SIGINT, on_terminate},
    {SIGUSR1, on_terminate}, /* what libfcgi takes for "finish" */
    {SIGHUP, on_hangup},
};

enum {
	SIGNALS = sizeof signals / sizeof signals[0]
};

/* Hold our signals back, or let them come. */
static void mask_signals(int how)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < SIGNALS; i++)
		(void)sigaddset(&set, signals[i].signal);
	(void)sigprocmask(how, &set, NULL);
}

static enum status add_signals(struct service *service)
{
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < SIGNALS; i++) {
		if (loop_on_signal(service->loop, signals[i].signal,
			signals[i].callback, service) != STATUS_OK)
			return STATUS_NO_MEMORY;
	}
	mask_signals(SIG_UNBLOCK);
	return STATUS_OK;
}

static void tear_down(struct service *service)
{
	/* What could not be ended, the process's end frees. */
	if (relay_clients(service->relay) > 0 ||
	    server_busy(service->server) > 0)
		return;
	relay_free(service->relay);
	server_free(service->server);
	upstream_shared_free(service->upstreams);
	http_free(service->http);
	config_unref(service->trusted);
	loop_timer_free(service->timer);
	loop_timer_free(service->idle_timer);
	notify_free(service->notify);
	loop_free(service->loop);
}

/* config is taken over; NULL if there is none that is usable. */
static enum status set_up(struct service *service, struct config *config)
{
	struct relay_options options = {
	    .finished = on_finished, .idle = on_idle, .ctx = service};
	struct server_handler handler = {
	    .handle = on_handle,
	    .max_body = on_max_body,
	    .quiet = leave_if_quiet,
	    .ctx = service,
	};
	struct trust trust;

	/* libfcgi's handlers would swallow what comes before ours are there. */
	mask_signals(SIG_BLOCK);
	/* The authorities are read once, and so outlive what names them. */
	service->trusted = config == NULL ? NULL : config_ref(config);
	trust = trust_find(
	    config == NULL ? NULL : config->ca_file, env_get, service->cgi);
	service->loop = loop_new();
	if (service->loop != NULL && gateway_init() == STATUS_OK)
		service->http = http_new(service->loop,
		    &(struct http_options){trust.file, trust.dir});
	if (service->http == NULL)
		return STATUS_NO_MEMORY;
	service->upstreams = upstream_shared_new(&(struct upstream_options){
	    .loop = service->loop,
	    .http = service->http,
	    .getenv = env_get,
	    .cache_dir =
		service->cgi && config != NULL ? config->state_dir : NULL,
	});
	if (service->upstreams == NULL)
		return STATUS_NO_MEMORY;
	options.loop = service->loop;
	options.upstreams = service->upstreams;
	service->timer = loop_timer_new(service->loop, end_runs, service);
	service->idle_timer =
	    loop_timer_new(service->loop, give_back_memory, service);
	service->relay = relay_new(&options);
	service->server = server_new(service->loop, &handler);
	if (service->timer == NULL || service->idle_timer == NULL ||
	    service->relay == NULL || service->server == NULL)
		return STATUS_NO_MEMORY;
	use(service, config);
	return add_signals(service);
}

/* The configured address counts where nobody gave one; a service whose
 * configuration is unusable stays up all the same. */
static int open_listener(
    const struct service_options *options, const struct config *config)
{
	if (options->fd >= 0)
		return options->fd;
	if (options->listen != NULL)
		return listen_open(options->listen);
	return listen_open(config == NULL ? CONFIG_LISTEN : config->listen);
}

int service_run(const struct service_options *options)
{
	char found[4096];
	struct service service = {.spawned = options->spawned};
	struct config_error error;
	struct config *config;
	bool loaded;
	int fd;

	log_init(LOG_INFO, getenv("JOURNAL_STREAM"));
	service.config_path =
	    locate_config(options->config, false, found, sizeof found);
	config = load(&service, &error);
	loaded = config != NULL;
	fd = open_listener(options, config);
	if (fd < 0) {
		config_unref(config);
		return EXIT_CANNOT_LISTEN;
	}
	listen_prepare(fd);
	if (set_up(&service, config) != STATUS_OK ||
	    server_listen(service.server, fd) != STATUS_OK) {
		log_write(LOG_ERROR, "out of memory");
		return EXIT_FAILED;
	}
	log_write(LOG_INFO, "agentcgi %s is ready", VERSION);
	service.notify = notify_new(service.loop, env_get, (uint64_t)getpid());
	tell_ready(&service, loaded, &error);
	loop_run(service.loop);
	tear_down(&service);
	log_write(LOG_INFO, "stopped");
	return EXIT_DONE;
}

int service_cgi(void)
{
	char found[4096];
	struct service service = {.cgi = true, .leaving = true};
	struct config_error error;

	log_init(LOG_INFO, NULL);
	service.config_path = locate_config(NULL, true, found, sizeof found);
	if (set_up(&service, load(&service, &error)) != STATUS_OK ||
	    server_cgi(service.server) != STATUS_OK)
		return EXIT_FAILED;
	loop_run(service.loop);
	tear_down(&service);
	return EXIT_DONE;
}
