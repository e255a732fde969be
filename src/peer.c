#include "peer.h"

#include <stdlib.h>
#include <string.h>

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

bool peer_learn_time(struct peer *peer, int64_t date_s, int64_t now_s)
{
	int64_t skew_s = date_s - now_s;
	int64_t news = skew_s - peer->skew_s;

	if (news > -PEER_MIN_SKEW_S && news < PEER_MIN_SKEW_S)
		return false;
	peer->skew_s = skew_s;
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
