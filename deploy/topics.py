"""`python -m deploy.topics` writes deploy/topics.yaml from schemas/topics.py, where the topics are declared."""

from pathlib import Path
from typing import Any

import yaml

from schemas.topics import TOPICS, Topic

FILE = Path(__file__).with_name("topics.yaml")
HEADER = """\
# The topics of Baton, for whoever runs Kafka. Written from schemas/topics.py by `python -m deploy.topics`: not by hand.
# `baton topics` makes them, and so does compose.yaml in a step of its own; `baton topics --check` tells what falls short.
# Made by other tools: so, with as many replicas as the cluster keeps of its own topics, before Baton starts: a process
# waits for its topics, and makes none.
#
# key: visit and patient are opaque ids of Baton's own. config: of a compacted topic the latest record of each key stays
# for ever, and schemas/topics.py says why it is compacted so often; of any other one, records stay for retention.ms.
# `baton` alters no topic that exists: kafka-configs.sh --alter does. readers: Baton's; anybody else may read too.
"""


def document() -> str:
    """Give the file as it should be."""
    said = {"topics": [_topic(topic) for topic in TOPICS]}
    return HEADER + yaml.safe_dump(said, sort_keys=False, width=110, allow_unicode=True)


def _topic(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.name,
        "carries": topic.carries,
        "key": topic.key,
        "partitions": topic.partitions,
        "config": topic.config,
        "owner": topic.written_by,
        "readers": list(topic.read_by),
    }


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
