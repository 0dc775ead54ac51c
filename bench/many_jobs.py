"""Jobs by the thousand, written into a site's database as Prefect would have them after weeks of work."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

#: One statement: a run and its state for each number; of 100, some 88 completed, 8 failed and 4 were cancelled, and of
#: the newest hundredth half wait. What videos, workers and failure classes they have repeats.
_RUNS: Final = """
WITH flows AS (SELECT array_agg(id ORDER BY name) AS ids FROM flow),
deployments AS (SELECT array_agg(id ORDER BY name) AS ids FROM deployment),
lanes AS (SELECT array_agg(id ORDER BY id) AS ids, array_agg(name ORDER BY id) AS names FROM work_queue),
numbers AS (
    SELECT n, (n * 7919) % 100 AS r, gen_random_uuid() AS id, gen_random_uuid() AS state_id,
           now() - (:jobs - n + 1) * interval '20 s' AS due
    FROM generate_series(1, :jobs) AS n
),
rows AS (
    SELECT numbers.*, (CASE
        WHEN n > :jobs * 0.99 AND r < 50 THEN 'SCHEDULED' WHEN r < 88 THEN 'COMPLETED'
        WHEN r < 96 THEN 'FAILED' ELSE 'CANCELLED' END)::state_type AS kind
    FROM numbers
),
states AS (
    INSERT INTO flow_run_state (id, flow_run_id, type, name, message, timestamp)
    SELECT state_id, id, kind, initcap(kind::text), 'generated', due FROM rows
)
INSERT INTO flow_run (
    id, created, updated, name, state_type, state_name, state_id, state_timestamp, run_count, expected_start_time,
    next_scheduled_start_time, start_time, end_time, total_run_time, parameters, tags, labels, flow_id, deployment_id,
    work_queue_id, work_queue_name, job_variables
)
SELECT rows.id, due, due, 'generated ' || n || ' of video ' || n % (1 + :jobs / 20), kind, initcap(kind::text),
    state_id, due, 1, due, CASE WHEN kind = 'SCHEDULED' THEN due END,
    CASE WHEN kind <> 'SCHEDULED' THEN due + interval '5 s' END,
    CASE WHEN kind <> 'SCHEDULED' THEN due + interval '65 s' END, interval '60 s',
    jsonb_build_object('video_id', md5((n % (1 + :jobs / 20))::text)::uuid),
    CASE WHEN r = 95 THEN '["cpu", "dead-letter"]'::jsonb
         WHEN n % 50 = 0 THEN jsonb_build_array('cpu', 'batch:g' || n % 7000) ELSE '["cpu"]'::jsonb END,
    jsonb_build_object('prefect.worker.name', 'node' || n % 200 || '-cpu') || CASE WHEN kind = 'FAILED'
        THEN jsonb_build_object('reelmill.failure-class',
                                (array['input_error', 'runtime_error', 'platform_error'])[1 + n % 3])
        ELSE '{}'::jsonb END,
    flows.ids[1 + n % cardinality(flows.ids)], deployments.ids[1 + n % cardinality(deployments.ids)],
    lanes.ids[1 + n % cardinality(lanes.ids)], lanes.names[1 + n % cardinality(lanes.ids)], '{}'::jsonb
FROM rows, flows, deployments, lanes
"""


def insert(connection: Connection, jobs: int) -> None:
    """Write runs that nobody has ever run.

    Args:
        connection: to a database that Prefect has migrated, with flows, deployments and queues.
        jobs: how many.
    """
    connection.execute(text(_RUNS), {"jobs": jobs})
    connection.exec_driver_sql("ANALYZE flow_run")
