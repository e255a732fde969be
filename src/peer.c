#include "peer.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

struct peer *peer_of(struct peers *peers, const char *agent)
{
	struct peer *peer = peers->first;

	while (peer != NULL && strcmp(peer->agent, agent) != 0)
		peer = peer->next;
	if (peer != NULL)
		return peer;
	peer = calloc(1, sizeof *peer);
	if (peer == NULL)
		return NULL;
	peer->agent = strdup(agent);
	if (peer->agent == NULL) {
		free(peer);
		return NULL;
	}
	retry_bucket_init(&peer->bucket);
	peer->next = peers->first;
	peers->first = peer;
	return peer;
}

static bool differ(int64_t a, int64_t b)
{
	int64_t by = a - b;

	return by <= -PEER_MIN_SKEW_S || by >= PEER_MIN_SKEW_S;
}

bool peer_learn_time(
    struct peer *peer, int64_t date_s, int64_t now_s, int64_t used_s)
{
	int64_t skew_s = date_s - now_s;

	if (!differ(skew_s, used_s))
		return false;
	/* Others may have learnt it meanwhile. */
	if (differ(skew_s, peer->skew_s)) {
		log_write(LOG_WARNING,
		    "agent %s: this machine's clock is off by %lld s, as its "
		    "service says: let NTP set it",
		    peer->agent, (long long)skew_s);
		peer->skew_s = skew_s;
	}
	return true;
}

void peer_free_all(struct peers *peers)
{
	while (peers->first != NULL) {
		struct peer *peer = peers->first;

		peers->first = peer->next;
		free(peer->agent);
		free(peer);
	}
}
