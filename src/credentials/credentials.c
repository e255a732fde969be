#include "credentials.h"

#include <stdlib.h>
#include <string.h>

#include "../buf.h"
#include "../clock.h"
#include "../digest.h"
#include "../log.h"
#include "keyfile.h"
#include "obtain.h"
#include "plan.h"
#include "source.h"

enum {
	/* The SDKs' own: new keys are asked for when so much is left. */
	AHEAD_S = 300,
	/* A renewal that failed is tried again after half of what is left,
	 * and no later than this. */
	AGAIN_S = 60,
	/* Between tries where old keys serve beyond their time; as much again
	 * by chance, so that a thousand instances do not ask as one. */
	EXTENDED_S = 300,
	/* Keys in a file of AWS's have no date: somebody may write others. */
	FILE_S = 60,
	/* After a failure, and between keys that are refused: a crowd of
	 * requests is one question. */
	PAUSE_MS = 1000,
	/* Identity Center wants to be asked no more often. */
	SSO_PAUSE_MS = 30000,
	/* Of what a file of keys is named by. */
	NAME_MAX_LEN = 16384
};

struct credentials_wait {
	struct credentials_wait *next, **link;
	credentials_done *done;
	void *ctx;
};

/* The keys of one profile. */
struct entry {
	struct entry *next;
	struct credentials *all;
	char *profile, *region;
	struct keys keys; /* if have */
	bool have;
	bool extended;     /* they serve beyond their time */
	bool refused;      /* so are those in the file, if they are the same */
	int64_t renew_s;   /* when others are to be asked for */
	uint64_t taken_ms; /* when these came; of clock_mono_ms */
	uint64_t pause_ms; /* none are asked for before, after a failure */
	struct plan plan;  /* while obtain runs */
	struct obtain *obtain;
	struct credentials_wait *waiting;
};

struct credentials {
	struct source_context context;
	const char *cache_dir;
	struct entry *entries;
	bool warned; /* of AWS_PROFILE */
};

struct credentials *credentials_new(const struct credentials_options *options)
{
	struct credentials *all = calloc(1, sizeof *all);

	if (all == NULL)
		return NULL;
	all->context = (struct source_context){.loop = options->loop,
	    .http = options->http,
	    .getenv = options->getenv};
	all->cache_dir = options->cache_dir;
	return all;
}

static void free_entry(struct entry *entry)
{
	obtain_cancel(entry->obtain);
	plan_free(&entry->plan);
	keys_wipe(&entry->keys);
	while (entry->waiting != NULL)
		credentials_cancel(entry->waiting);
	free(entry->profile);
	free(entry->region);
	free(entry);
}

void credentials_free(struct credentials *all)
{
	if (all == NULL)
		return;
	while (all->entries != NULL) {
		struct entry *entry = all->entries;

		all->entries = entry->next;
		free_entry(entry);
	}
	free(all);
}

static struct entry *add_entry(
    struct credentials *all, const struct credentials_source *source)
{
	struct entry *entry = calloc(1, sizeof *entry);

	if (entry == NULL)
		return NULL;
	entry->all = all;
	entry->profile = strdup(source->profile);
	entry->region = strdup(source->region);
	if (entry->profile == NULL || entry->region == NULL) {
		free_entry(entry);
		return NULL;
	}
	entry->next = all->entries;
	all->entries = entry;
	return entry;
}

static struct entry *find_entry(
    struct credentials *all, const struct credentials_source *source)
{
	struct entry *entry = all->entries;

	while (entry != NULL &&
	    (strcmp(entry->profile, source->profile) != 0 ||
		strcmp(entry->region, source->region) != 0))
		entry = entry->next;
	return entry;
}

/* ---- time ---- */

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t extended_s(void)
{
	return EXTENDED_S + digest_random() % EXTENDED_S;
}

/* When keys that have just come are to be renewed. */
static int64_t renewal(const struct entry *entry, int64_t now_s)
{
	int64_t left_s = entry->keys.expires_s - now_s;

	if (entry->keys.expires_s == 0)
		return entry->plan.source == PLAN_PROFILE ? now_s + FILE_S
							  : INT64_MAX;
	if (left_s <= 0)
		return now_s + extended_s();
	return entry->keys.expires_s - least(AHEAD_S, left_s / 2);
}

static bool usable(const struct entry *entry, int64_t now_s)
{
	return entry->have &&
	    (entry->keys.expires_s == 0 || entry->extended ||
		now_s < entry->keys.expires_s);
}

/* ---- keys that come, or do not ---- */

static void take(struct entry *entry, const struct keys *keys)
{
	int64_t now_s = clock_unix_s();

	entry->keys = *keys;
	entry->have = true;
	entry->refused = false;
	entry->pause_ms = 0;
	entry->taken_ms = clock_mono_ms();
	/* Whoever gives keys that are over by our clock knows better. */
	entry->extended = keys->expires_s != 0 && keys->expires_s <= now_s;
	entry->renew_s = renewal(entry, now_s);
}

/* An instance's keys are good for longer than they say while its metadata
 * service has no others. */
static void miss(struct entry *entry)
{
	int64_t now_s = clock_unix_s();
	int64_t left_s = entry->keys.expires_s - now_s;

	entry->pause_ms = clock_mono_ms() +
	    (entry->plan.source == PLAN_SSO ? SSO_PAUSE_MS : PAUSE_MS);
	if (!entry->have)
		return;
	if (entry->plan.source == PLAN_INSTANCE && entry->plan.role_count == 0)
		entry->extended = true;
	if (!usable(entry, now_s)) {
		keys_wipe(&entry->keys);
		entry->have = false;
		return;
	}
	log_write(LOG_WARNING, "AWS credentials: the old keys serve on");
	entry->renew_s = now_s +
	    (left_s > 0 ? least(AGAIN_S, 1 + left_s / 2) : extended_s());
}

/* What keys of this plan are kept by; false: they are not kept. */
static bool name_kept(struct buf *name, const struct entry *entry)
{
	buf_init(name, NAME_MAX_LEN);
	if (entry->all->cache_dir == NULL)
		return false;
	obtain_identify(name, &entry->plan, entry->all->context.getenv);
	return buf_status(name) == STATUS_OK;
}

static bool read_kept(struct keys *keys, const struct entry *entry)
{
	struct buf name;
	bool found = name_kept(&name, entry) &&
	    keyfile_read(
		keys, entry->all->cache_dir, buf_slice(&name), clock_unix_s());

	buf_free(&name);
	return found;
}

static void keep(const struct entry *entry, const struct keys *keys)
{
	struct buf name;

	if (name_kept(&name, entry))
		keyfile_write(entry->all->cache_dir, buf_slice(&name), keys);
	buf_free(&name);
}

/* ---- asking ---- */

/* Each may ask again, and get other keys by then. */
static void answer_waiting(struct entry *entry, enum status status)
{
	struct credentials_wait *wait = entry->waiting;
	struct keys keys = entry->keys;

	if (usable(entry, clock_unix_s()))
		status = STATUS_OK; /* if only the old ones */
	entry->waiting = NULL;
	if (wait != NULL)
		wait->link = &wait;
	while (wait != NULL) {
		struct credentials_wait one = *wait;

		credentials_cancel(wait); /* wait is the next */
		one.done(one.ctx, status, status == STATUS_OK ? &keys : NULL);
	}
	keys_wipe(&keys);
}

static void on_keys(void *ctx, enum status status, const struct keys *keys)
{
	struct entry *entry = ctx;

	entry->obtain = NULL;
	if (status == STATUS_OK) {
		take(entry, keys);
		keep(entry, keys);
	} else {
		miss(entry);
	}
	plan_free(&entry->plan);
	answer_waiting(entry, status);
}

/* SDKs disagree on which of the two wins, so the operator should know. */
static void warn_of_profile(struct credentials *all)
{
	if (all->warned ||
	    slice_from(all->context.getenv("AWS_PROFILE")).len == 0)
		return;
	all->warned = true;
	log_write(LOG_WARNING,
	    "AWS_PROFILE is ignored, as AWS_ACCESS_KEY_ID is set: unset one "
	    "of them, or name the profile in the configuration");
}

/* STATUS_MORE: they will come. */
static enum status start(struct entry *entry)
{
	struct credentials *all = entry->all;
	struct plan *plan = &entry->plan;
	struct keys kept = {0};

	if (plan->source == PLAN_ENVIRONMENT && plan->role_count == 0)
		warn_of_profile(all);
	if (plan->source <= PLAN_PROFILE && plan->role_count == 0) {
		take(entry, &plan->keys);
		return STATUS_OK;
	}
	if (!entry->have && !entry->refused && read_kept(&kept, entry)) {
		take(entry, &kept);
		entry->taken_ms = 0; /* by another process, and before */
		keys_wipe(&kept);
		return STATUS_OK;
	}
	entry->obtain = obtain_start(&all->context, plan, on_keys, entry);
	return entry->obtain == NULL ? STATUS_NO_MEMORY : STATUS_MORE;
}

static enum status ask(struct entry *entry)
{
	struct plan_request request = {
	    .getenv = entry->all->context.getenv,
	    .profile = entry->profile,
	    .region = entry->region,
	};
	enum status status = plan_make(&entry->plan, &request);

	if (status == STATUS_OK)
		status = start(entry);
	if (status == STATUS_MORE)
		return status;
	if (status != STATUS_OK)
		miss(entry);
	plan_free(&entry->plan);
	return status;
}

static struct credentials_wait *wait_for(
    struct entry *entry, credentials_done *done, void *ctx)
{
	struct credentials_wait *wait = calloc(1, sizeof *wait);

	if (wait == NULL) {
		done(ctx, STATUS_NO_MEMORY, NULL);
		return NULL;
	}
	*wait = (struct credentials_wait){
	    entry->waiting, &entry->waiting, done, ctx};
	if (wait->next != NULL)
		wait->next->link = &wait->next;
	entry->waiting = wait;
	return wait;
}

void credentials_cancel(struct credentials_wait *wait)
{
	if (wait == NULL)
		return;
	*wait->link = wait->next;
	if (wait->next != NULL)
		wait->next->link = wait->link;
	free(wait);
}

struct credentials_wait *credentials_get(struct credentials *all,
    const struct credentials_source *source, credentials_done *done, void *ctx)
{
	struct entry *entry = find_entry(all, source);
	enum status status = STATUS_OK;
	struct keys keys;
	int64_t now_s = clock_unix_s();

	if (entry == NULL)
		entry = add_entry(all, source);
	if (entry == NULL) {
		done(ctx, STATUS_NO_MEMORY, NULL);
		return NULL;
	}
	if (!usable(entry, now_s) && clock_mono_ms() < entry->pause_ms)
		status = STATUS_NO_CREDENTIALS;
	else if (entry->obtain != NULL)
		status = STATUS_MORE;
	else if (!usable(entry, now_s) || now_s >= entry->renew_s)
		status = ask(entry);
	if (usable(entry, now_s)) {
		keys = entry->keys;
		done(ctx, STATUS_OK, &keys);
		keys_wipe(&keys);
		return NULL;
	}
	if (status == STATUS_MORE)
		return wait_for(entry, done, ctx);
	done(ctx, status, NULL);
	return NULL;
}

void credentials_refused(struct credentials *all,
    const struct credentials_source *source, const char *id)
{
	struct entry *entry = find_entry(all, source);

	/* Others may have come since, or be as bad. */
	if (entry == NULL || !entry->have || strcmp(entry->keys.id, id) != 0 ||
	    (entry->taken_ms != 0 &&
		clock_mono_ms() - entry->taken_ms < PAUSE_MS))
		return;
	keys_wipe(&entry->keys);
	entry->have = false;
	entry->refused = true;
	entry->pause_ms = 0;
}
