/* The index: random changes against one loaded anew, undoing them backwards, order, and planted
 * differences. */
#include "core/index.h"

#include <stdio.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define JOBS 300
#define STEPS 4000
#define QUEUES 3

static const enum job_state live_states[] = {JOB_PENDING, JOB_SCHEDULED, JOB_ACTIVE, JOB_RETRYING,
                                             JOB_HELD};

struct step {
    bool has_old;
    bool has_now;
    struct index_job old;
    struct index_job now;
};

static uint64_t random_state = 3;

static uint32_t draw(uint32_t bound)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % bound;
}

static void add_queues(struct index *index)
{
    for (uint32_t i = 0; i < QUEUES; i++) {
        char name[2] = {(char)('a' + i), '\0'};

        assert_non_null(index_queue_add(index, slice_text(name)));
    }
}

static struct index_job make_job(uint64_t seq, uint64_t move_seq)
{
    struct index_job job = {
        .time_ns = 1000 + seq,
        .seq = seq,
        .move_seq = move_seq,
        .due_ns = draw(3) ? draw(50) : 0,
        .queue = 1 + draw(QUEUES),
        .state = (uint8_t)live_states[draw(ARRAY_COUNT(live_states))],
        .priority = (uint8_t)draw(JOB_PRIORITY_COUNT),
    };

    return job;
}

/* An index loaded with the same jobs and boundaries, in an order that is none. */
static void expect_same(const struct index *index, const struct index_job *jobs, const bool *lives)
{
    struct index fresh;
    struct err err = {0};

    index_init(&fresh);
    add_queues(&fresh);
    for (uint32_t i = 1; i <= QUEUES; i++) {
        const struct queue_row *row = &index_queue(index, i)->row;

        index_queue(&fresh, i)->row.cleared_below = row->cleared_below;
        index_queue(&fresh, i)->row.destroyed_below = row->destroyed_below;
    }
    for (uint32_t i = 0; i < JOBS; i++) {
        uint32_t at = (i * 7) % JOBS;

        if (lives[at]) {
            assert_true(index_load(&fresh, &jobs[at]));
        }
    }
    assert_true(index_load_end(&fresh));
    for (uint32_t i = 1; i <= QUEUES; i++) {
        assert_true(index_queue_refresh(&fresh, index_queue(&fresh, i)));
    }
    if (index_compare(index, &fresh, &err) != ERR_NONE) {
        fail_msg("%s", err.text);
    }
    index_done(&fresh);
}

/* Random changes keep the index equal to a loaded one; undone backwards in runs they leave what was
 * before. */
static void test_changes_and_undo(void **state)
{
    static struct index_job jobs[JOBS];
    static struct index_job saved[JOBS];
    static bool lives[JOBS];
    static bool saved_lives[JOBS];
    static struct step steps[100];
    uint64_t move_seq = 0;
    struct index index;

    (void)state;
    index_init(&index);
    add_queues(&index);
    for (uint32_t round = 0; round < STEPS / 100; round++) {
        memcpy(saved, jobs, sizeof(jobs));
        memcpy(saved_lives, lives, sizeof(lives));
        for (uint32_t i = 0; i < 100; i++) {
            uint32_t at = draw(JOBS);
            struct step *step = &steps[i];

            *step = (struct step){.has_old = lives[at], .has_now = !lives[at] || draw(3) > 0};
            step->old = jobs[at];
            step->now = make_job(at + 1, ++move_seq);
            assert_true(index_change(&index, step->has_old ? &step->old : NULL,
                                     step->has_now ? &step->now : NULL));
            lives[at] = step->has_now;
            jobs[at] = step->now;
        }
        expect_same(&index, jobs, lives);
        if (round % 2) {
            for (uint32_t i = 100; i > 0; i--) {
                const struct step *step = &steps[i - 1];

                assert_true(index_change(&index, step->has_now ? &step->now : NULL,
                                         step->has_old ? &step->old : NULL));
            }
            memcpy(jobs, saved, sizeof(jobs));
            memcpy(lives, saved_lives, sizeof(lives));
            expect_same(&index, jobs, lives);
        }
    }
    index_done(&index);
}

/* Changes jobs that are not gone, and now and then removes one that is. */
static void change_some(struct index *index, struct index_job *jobs, bool *lives, uint64_t *moves)
{
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t at = draw(JOBS);
        bool gone = lives[at] && index_is_gone(index, &jobs[at]);
        struct index_job now = make_job(at + 1, ++*moves);
        bool stays = !lives[at] || (!gone && draw(4) > 0);

        if (gone && draw(3)) {
            continue;
        }
        assert_true(index_change(index, lives[at] ? &jobs[at] : NULL, stays ? &now : NULL));
        lives[at] = stays;
        jobs[at] = now;
    }
    for (uint32_t i = 1; i <= QUEUES; i++) {
        assert_true(index_queue_refresh(index, index_queue(index, i)));
    }
}

/* Clear and destroy, again and again, with changes in between: the same as loaded with the
 * boundaries, and taken back exactly. */
static void test_doom(void **state)
{
    static struct index_job jobs[JOBS];
    static bool lives[JOBS];
    uint64_t moves = 0;
    struct index index;

    (void)state;
    index_init(&index);
    add_queues(&index);
    for (uint32_t round = 0; round < 60; round++) {
        struct queue *queue = index_queue(&index, 1 + draw(QUEUES));
        struct queue_jobs before;
        struct queue_row row;
        bool all = draw(3) == 0;

        change_some(&index, jobs, lives, &moves);
        expect_same(&index, jobs, lives);
        before = queue->jobs;
        row = queue->row;
        queue->row.cleared_below = moves;
        queue->row.destroyed_below = all ? moves : row.destroyed_below;
        index_doom(&index, queue, all);
        assert_true(index_queue_refresh(&index, queue));
        expect_same(&index, jobs, lives);
        if (round % 3 == 0) {
            index_undoom(&index, queue, &before);
            queue->row = row;
            assert_true(index_queue_refresh(&index, queue));
            expect_same(&index, jobs, lives);
        }
    }
    index_done(&index);
}

/* Ready jobs come by priority, then move_seq; due ones by instant, then sequence. */
static void test_order(void **state)
{
    struct index index;
    struct queue *queue;
    struct index_job jobs[] = {
        {.time_ns = 1, .seq = 1, .move_seq = 4, .queue = 1, .state = JOB_PENDING, .priority = 2},
        {.time_ns = 1, .seq = 2, .move_seq = 3, .queue = 1, .state = JOB_PENDING, .priority = 2},
        {.time_ns = 1, .seq = 3, .move_seq = 9, .queue = 1, .state = JOB_PENDING, .priority = 0},
        {.time_ns = 1, .seq = 5, .due_ns = 7, .queue = 1, .state = JOB_ACTIVE},
        {.time_ns = 1, .seq = 4, .due_ns = 7, .queue = 1, .state = JOB_ACTIVE},
    };
    const uint64_t want[] = {3, 2, 1};

    (void)state;
    index_init(&index);
    queue = index_queue_add(&index, slice_text("q"));
    for (uint32_t i = 0; i < ARRAY_COUNT(jobs); i++) {
        assert_true(index_change(&index, NULL, &jobs[i]));
    }
    assert_int_equal(index_first_due(&index)->seq, 4);
    for (uint32_t i = 0; i < ARRAY_COUNT(want); i++) {
        struct index_job first = *index_first_ready(&index, queue);

        assert_int_equal(first.seq, want[i]);
        assert_true(index_change(&index, &first, NULL));
    }
    assert_null(index_first_ready(&index, queue));
    assert_null(index_find(&index, (struct job_key){1, 1}));
    assert_null(index_find(&index, (struct job_key){2, 5}));
    assert_non_null(index_find(&index, (struct job_key){1, 5}));
    index_done(&index);
}

struct planted {
    const char *name;
    struct index_job other; /* What the second index holds instead. */
};

/* Each kind of difference between two indexes is found. */
static void test_differences_are_found(void **state)
{
    const struct index_job base = {
        .time_ns = 1,
        .seq = 1,
        .move_seq = 5,
        .due_ns = 9,
        .queue = 1,
        .state = JOB_PENDING,
    };
    struct planted rows[] = {{"state", base},    {"queue", base}, {"priority", base},
                             {"move_seq", base}, {"due", base},   {"never due", base},
                             {"id", base}};

    (void)state;
    rows[0].other.state = JOB_ACTIVE;
    rows[1].other.queue = 2;
    rows[2].other.priority = 1;
    rows[3].other.move_seq = 6;
    rows[4].other.due_ns = 10;
    rows[5].other.due_ns = 0;
    rows[6].other.seq = 2;
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct index left;
        struct index right;
        struct err err;

        index_init(&left);
        index_init(&right);
        add_queues(&left);
        add_queues(&right);
        assert_true(index_change(&left, NULL, &base));
        assert_true(index_change(&right, NULL, &rows[i].other));
        if (index_compare(&left, &right, &err) != ERR_CORRUPT) {
            fail_msg("%s is not seen", rows[i].name);
        }
        index_done(&left);
        index_done(&right);
    }
}

/* A list linked in the wrong order is found although its members are right. */
static void test_wrong_order_is_found(void **state)
{
    struct index_job one = {
        .time_ns = 1, .seq = 1, .move_seq = 1, .queue = 1, .state = JOB_PENDING};
    struct index_job two = {
        .time_ns = 1, .seq = 2, .move_seq = 2, .queue = 1, .state = JOB_PENDING};
    struct index left;
    struct index right;
    struct slot_list *list;
    struct err err;

    (void)state;
    index_init(&left);
    index_init(&right);
    add_queues(&left);
    add_queues(&right);
    assert_true(index_change(&left, NULL, &one) && index_change(&left, NULL, &two));
    assert_true(index_change(&right, NULL, &one) && index_change(&right, NULL, &two));
    assert_int_equal(index_compare(&left, &right, &err), ERR_NONE);
    list = &index_queue(&left, 1)->jobs.lists[0];
    list->head = 2;
    assert_int_equal(index_compare(&left, &right, &err), ERR_CORRUPT);
    index_done(&left);
    index_done(&right);
}

/* Queues are found by name; one that was added last can be taken away, and its number comes again.
 */
static void test_queues(void **state)
{
    struct index index;
    struct queue *queue;

    (void)state;
    index_init(&index);
    for (uint32_t i = 0; i < 5000; i++) {
        char name[8];

        (void)snprintf(name, sizeof(name), "q%u", i);
        queue = index_queue_add(&index, slice_text(name));
        assert_int_equal(queue->number, i + 1);
    }
    assert_int_equal(index_queue_find(&index, slice_text("q4321"))->number, 4322);
    assert_null(index_queue_find(&index, slice_text("q5000")));
    queue = index_queue(&index, 5000);
    index_touch(&index, queue);
    index_queue_remove(&index, queue);
    assert_null(index_queue_find(&index, slice_text("q4999")));
    assert_null(index.touched);
    assert_int_equal(index_queue_add(&index, slice_text("again"))->number, 5000);
    index_done(&index);
}

/* The promise about memory: what a pending job costs in all parts of the index. */
static void test_memory_per_job(void **state)
{
    (void)state;
    assert_true(sizeof(struct index_slot) <= 56);
    assert_true(sizeof(struct heap_entry) <= 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_and_undo),
        cmocka_unit_test(test_doom),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_differences_are_found),
        cmocka_unit_test(test_wrong_order_is_found),
        cmocka_unit_test(test_queues),
        cmocka_unit_test(test_memory_per_job),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
