"""Conversation history of the profile `full`: tables of section 6.4 in Amazon Keyspaces.

Partition keys begin with the organization. Usage has its event's id in the key and is never a counter, so
that a plain insert is an upsert and a repeated event changes nothing (reliability.md, b).
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_cassandra as cassandra
from constructs import Construct

from infra.cdk.config import StageConfig
from infra.cdk.constructs.keys import key
from infra.cdk.constructs.removal import kept_in_production

# Section 6.4: 180 days.
_HISTORY_S = 15_552_000
Column = cassandra.CfnTable.ColumnProperty
_HISTORY = (
    ("user_id", "uuid"),
    ("actor", "text"),
    ("message", "text"),
    ("embedding_used", "boolean"),
    ("tokens_used", "int"),
    ("response_time_ms", "int"),
    ("model_used", "text"),
    ("confidence", "double"),
    ("sources_used", "list<text>"),
    ("context_chunks", "text"),
    ("feedback_score", "int"),
    ("feedback_text", "text"),
    ("metadata", "map<text, text>"),
)


class ConversationsStack(Stack):
    """A keyspace with its tables; nothing where the stage names contact points of ScyllaDB.

    Args:
        config: The stage, of the profile `full`.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: StageConfig, **kwargs: Any) -> None:
        super().__init__(scope, construct_id, **kwargs)
        assert config.conversations is not None
        self._config = config
        self._key = key(self, "conversations", config, "Conversations of members")
        self._keyspace = cassandra.CfnKeyspace(self, "Keyspace", keyspace_name=config.conversations.keyspace)
        self._table(
            "conversation_history",
            partition=(("organization_id", "uuid"), ("session_id", "uuid")),
            clustering=(("timestamp", "timestamp", "DESC"), ("message_id", "uuid", "ASC")),
            columns=_HISTORY,
            ttl_s=_HISTORY_S,
        )
        self._table(
            "user_conversations",
            partition=(("organization_id", "uuid"), ("user_id", "uuid")),
            clustering=(("updated_at", "timestamp", "DESC"), ("session_id", "uuid", "ASC")),
            columns=(("title", "text"), ("message_count", "int")),
            ttl_s=_HISTORY_S,
        )
        self._table(
            "usage_analytics",
            partition=(("organization_id", "uuid"), ("user_id", "uuid"), ("date", "date")),
            clustering=(("hour", "int", "ASC"), ("metric_name", "text", "ASC"), ("event_id", "text", "ASC")),
            columns=(("value", "bigint"),),
            ttl_s=None,
        )

    def _table(
        self,
        name: str,
        *,
        partition: tuple[tuple[str, str], ...],
        clustering: tuple[tuple[str, str, str], ...],
        columns: tuple[tuple[str, str], ...],
        ttl_s: int | None,
    ) -> None:
        table = cassandra.CfnTable(
            self,
            "".join(part.capitalize() for part in name.split("_")),
            keyspace_name=self._keyspace.ref,
            table_name=name,
            partition_key_columns=[
                Column(column_name=column, column_type=kind) for column, kind in partition
            ],
            clustering_key_columns=[
                cassandra.CfnTable.ClusteringKeyColumnProperty(
                    column=Column(column_name=column, column_type=kind), order_by=order
                )
                for column, kind, order in clustering
            ],
            regular_columns=[Column(column_name=column, column_type=kind) for column, kind in columns],
            billing_mode=cassandra.CfnTable.BillingModeProperty(mode="ON_DEMAND"),
            default_time_to_live=ttl_s,
            point_in_time_recovery_enabled=True,
            encryption_specification=cassandra.CfnTable.EncryptionSpecificationProperty(
                encryption_type="CUSTOMER_MANAGED_KMS_KEY", kms_key_identifier=self._key.key_arn
            ),
        )
        table.apply_removal_policy(kept_in_production(self._config))
