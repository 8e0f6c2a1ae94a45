/* The table of operations: one row each, nothing else to register. */
#include "core/ops.h"

static const struct op_spec *const specs[] = {
    &op_enqueue_spec,     &op_fetch_spec,           &op_ack_spec,
    &op_fail_spec,        &op_heartbeat_spec,       &op_cancel_spec,
    &op_tick_spec,        &op_pause_spec,           &op_resume_spec,
    &op_retry_spec,       &op_delete_spec,          &op_move_spec,
    &op_hold_spec,        &op_approve_spec,         &op_reject_spec,
    &op_priority_spec,    &op_drain_spec,           &op_clear_spec,
    &op_destroy_spec,     &op_throttle_spec,        &op_unthrottle_spec,
    &op_concurrency_spec, &op_queue_retention_spec, &op_queue_lease_spec,
};

const struct op_spec *op_find(uint32_t code)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(specs); i++) {
        if (specs[i]->code == code) {
            return specs[i];
        }
    }
    return NULL;
}

const struct op_spec *op_find_name(const char *name)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(specs); i++) {
        if (strcmp(specs[i]->name, name) == 0) {
            return specs[i];
        }
    }
    return NULL;
}

const struct op_spec *const *op_all(uint32_t *ret_count)
{
    *ret_count = ARRAY_COUNT(specs);
    return specs;
}
