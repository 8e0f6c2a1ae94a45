/* The threads that queries run on: see pool.h. */
#include "view/pool.h"

#include "base/limits.h"
#include "view/sql.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PROGRESS_STEPS 1000         /* Of SQLite's machine between two looks at the clock. */
#define SLOW_MAX (VIEW_READERS - 1) /* Slow queries that run at a time. */
#define LOCKED_MS 1000 /* How long to wait for another connection, which never takes long. */

/* When a query must end. Progress handlers look at it. */
struct view_deadline {
    const struct view_pool *pool;
    uint64_t at_ns; /* Monotonic; 0 = never. */
};

struct query_list {
    struct view_query *head, *tail;
    uint32_t count;
};

struct worker {
    struct view_pool *pool;
    pthread_t thread;
    bool started;
    sqlite3 *db; /* Of the thread. */
    bool open;   /* With the lock: there may be a connection. */
    struct view_deadline deadline;
};

struct view_pool {
    struct view_pool_options options;
    pthread_mutex_t lock;
    pthread_cond_t wanted;         /* A query, the gate, the end. */
    pthread_cond_t closed;         /* A connection was closed. */
    struct query_list quick, slow; /* That wait. */
    uint32_t slow_running;
    struct query_list done;
    enum view_pool_gate gate;
    atomic_bool ending;
    struct worker workers[VIEW_READERS];
};

static void list_add(struct query_list *list, struct view_query *query)
{
    query->next = NULL;
    if (list->tail) {
        list->tail->next = query;
    } else {
        list->head = query;
    }
    list->tail = query;
    list->count++;
}

static struct view_query *list_take(struct query_list *list)
{
    struct view_query *query = list->head;

    if (query) {
        list->head = query->next;
        list->tail = list->head ? list->tail : NULL;
        list->count--;
    }
    return query;
}

/* The one that came first of those that may run. */
static struct view_query *take_waiting(struct view_pool *pool)
{
    const struct view_query *quick = pool->quick.head, *slow = pool->slow.head;

    if (slow && pool->slow_running < SLOW_MAX && (!quick || slow->asked_ns <= quick->asked_ns)) {
        pool->slow_running++;
        return list_take(&pool->slow);
    }
    return list_take(&pool->quick);
}

/* Any one, to be refused. */
static struct view_query *take_any(struct view_pool *pool)
{
    return pool->quick.head ? list_take(&pool->quick) : list_take(&pool->slow);
}

static uint64_t now_ns(const struct view_pool *pool)
{
    return pool->options.env->monotonic_ns(pool->options.env->self);
}

static bool is_late(const struct view_deadline *deadline)
{
    return atomic_load_explicit(&deadline->pool->ending, memory_order_relaxed) ||
           (deadline->at_ns && now_ns(deadline->pool) >= deadline->at_ns);
}

bool view_reader_is_late(const struct view_reader *reader)
{
    return is_late(reader->deadline);
}

void view_reader_hurry(struct view_reader *reader, uint64_t limit_ms)
{
    struct view_deadline *deadline = reader->deadline;
    uint64_t at_ns = now_ns(deadline->pool) + limit_ms * NS_PER_MS;

    if (deadline->at_ns == 0 || at_ns < deadline->at_ns) {
        deadline->at_ns = at_ns;
    }
}

static int on_progress(void *context)
{
    return is_late(context);
}

/* --- On a query thread ---------------------------------------------------------------------------
 */

static enum err_code open_file(struct worker *worker, struct err *err)
{
    sqlite3 *db = NULL;

    if (sql_open(worker->pool->options.path, SQL_READ, &db, err)) {
        return err->code;
    }
    sqlite3_progress_handler(db, PROGRESS_STEPS, on_progress, &worker->deadline);
    (void)sqlite3_busy_timeout(db, LOCKED_MS);
    if (sql_run(db, "PRAGMA query_only = 1; PRAGMA cache_size = -8192", err)) {
        sql_close(db);
        return err->code;
    }
    worker->db = db;
    return ERR_NONE;
}

static enum err_code read_state(struct worker *worker, struct view_reader *ret_reader,
                                struct err *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum err_code code = sql_prepare(worker->db, "SELECT idx, complete FROM meta", &statement, err);

    if (!code) {
        code = sql_step(statement, &row, err);
    }
    if (!code && !row) {
        code = err_set(err, ERR_CORRUPT, "the view's file says nothing of itself");
    }
    if (!code) {
        *ret_reader = (struct view_reader){
            .db = worker->db,
            .index = (uint64_t)sqlite3_column_int64(statement, 0),
            .incomplete = !sqlite3_column_int(statement, 1),
            .deadline = &worker->deadline,
        };
    }
    (void)sqlite3_finalize(statement);
    return code;
}

/* Rows are opened after the file's state, so they are as new or newer. */
static enum err_code run_on_state(struct worker *worker, struct view_query *query, struct err *err)
{
    const struct view_source *source = &worker->pool->options.source;
    struct view_reader reader;
    enum err_code code;

    if (read_state(worker, &reader, err) || source->open(source->self, &reader.rows, err)) {
        return err->code;
    }
    code = query->run(query, &reader, err);
    source->close(source->self, reader.rows);
    err->code = code; /* What it could live with is no error. */
    return code;
}

static enum err_code run_query(struct worker *worker, struct view_query *query, struct err *err)
{
    if (is_late(&worker->deadline)) {
        return err_set(err, ERR_TIMEOUT, "the query waited for its turn until its time was over");
    }
    if ((!worker->db && open_file(worker, err)) || sql_run(worker->db, "BEGIN", err)) {
        return err->code;
    }
    (void)run_on_state(worker, query, err);
    if (!sqlite3_get_autocommit(worker->db) && sqlite3_exec(worker->db, "ROLLBACK", 0, 0, 0)) {
        sql_close(worker->db); /* Nothing that it holds may outlast the query. */
        worker->db = NULL;
    }
    return err->code;
}

static bool is_damage(enum err_code code)
{
    return code == ERR_CORRUPT || code == ERR_NOT_FOUND;
}

/* Enters and leaves with the lock held. */
static void work_on(struct worker *worker, struct view_query *query)
{
    struct view_pool *pool = worker->pool;
    struct err err = {0};
    bool first;

    worker->open = true;
    (void)pthread_mutex_unlock(&pool->lock);
    worker->deadline.at_ns = query->limit_ms ? query->asked_ns + query->limit_ms * NS_PER_MS : 0;
    if (is_damage(run_query(worker, query, &err))) {
        pool->options.damaged(pool->options.context);
        (void)err_prefix(&err, "the view is made anew");
        err.code = ERR_BUSY;
    }
    query->err = err;
    (void)pthread_mutex_lock(&pool->lock);
    worker->open = worker->db != NULL;
    (void)pthread_cond_broadcast(&pool->closed);
    if (query->slow && pool->slow_running-- == SLOW_MAX && pool->slow.head) {
        (void)pthread_cond_signal(&pool->wanted);
    }
    first = pool->done.head == NULL;
    list_add(&pool->done, query);
    if (first) {
        (void)pthread_mutex_unlock(&pool->lock);
        pool->options.wake(pool->options.context);
        (void)pthread_mutex_lock(&pool->lock);
    }
}

static void refuse_waiting(struct view_pool *pool)
{
    struct view_query *query;
    bool any = false;

    for (; (query = take_any(pool)); any = true) {
        (void)err_set(&query->err, ERR_BUSY, "the view has no file to read yet");
        list_add(&pool->done, query);
    }
    if (any) {
        (void)pthread_mutex_unlock(&pool->lock);
        pool->options.wake(pool->options.context);
        (void)pthread_mutex_lock(&pool->lock);
    }
}

static void close_file(struct worker *worker)
{
    sql_close(worker->db);
    worker->db = NULL;
    worker->open = false;
    (void)pthread_cond_broadcast(&worker->pool->closed);
}

/* Enters and leaves with the lock held. */
static void work_once(struct worker *worker)
{
    struct view_pool *pool = worker->pool;
    struct view_query *query;

    if (pool->gate != VIEW_POOL_OPEN && worker->open) {
        close_file(worker);
        return;
    }
    if (pool->gate == VIEW_POOL_ABSENT && (pool->quick.head || pool->slow.head)) {
        refuse_waiting(pool);
        return;
    }
    query = pool->gate == VIEW_POOL_OPEN ? take_waiting(pool) : NULL;
    if (query) {
        work_on(worker, query);
    } else {
        (void)pthread_cond_wait(&pool->wanted, &pool->lock);
    }
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct view_pool *pool = worker->pool;

    (void)pthread_mutex_lock(&pool->lock);
    while (!atomic_load(&pool->ending)) {
        work_once(worker);
    }
    close_file(worker);
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* --- On the others -------------------------------------------------------------------------------
 */

static bool has_connection(const struct view_pool *pool)
{
    for (uint32_t i = 0; i < VIEW_READERS; i++) {
        if (pool->workers[i].open) {
            return true;
        }
    }
    return false;
}

void view_pool_set(struct view_pool *pool, enum view_pool_gate gate)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->gate = gate;
    (void)pthread_cond_broadcast(&pool->wanted);
    while (gate != VIEW_POOL_OPEN && has_connection(pool)) {
        (void)pthread_cond_wait(&pool->closed, &pool->lock);
    }
    (void)pthread_mutex_unlock(&pool->lock);
}

enum err_code view_pool_submit(struct view_pool *pool, struct view_query *query, struct err *err)
{
    bool full;

    query->asked_ns = now_ns(pool);
    query->err = (struct err){0};
    (void)pthread_mutex_lock(&pool->lock);
    full = pool->quick.count + pool->slow.count >= VIEW_QUERIES_MAX;
    if (!full) {
        list_add(query->slow ? &pool->slow : &pool->quick, query);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (full) {
        return err_set(err, ERR_BUSY, "%d queries wait already", VIEW_QUERIES_MAX);
    }
    (void)pthread_cond_signal(&pool->wanted);
    return ERR_NONE;
}

void view_pool_poll(struct view_pool *pool)
{
    struct query_list done;
    struct view_query *query;

    (void)pthread_mutex_lock(&pool->lock);
    done = pool->done;
    pool->done = (struct query_list){0};
    (void)pthread_mutex_unlock(&pool->lock);
    while ((query = list_take(&done))) {
        query->done(query, &query->err);
    }
}

static void join(struct view_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->ending, true);
    (void)pthread_cond_broadcast(&pool->wanted);
    (void)pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < VIEW_READERS; i++) {
        if (pool->workers[i].started) {
            (void)pthread_join(pool->workers[i].thread, NULL);
        }
    }
}

void view_pool_destroy(struct view_pool *pool)
{
    struct view_query *query;

    if (!pool) {
        return;
    }
    join(pool);
    while ((query = take_any(pool))) {
        (void)err_set(&query->err, ERR_CLOSED, "the server is shutting down");
        list_add(&pool->done, query);
    }
    view_pool_poll(pool);
    (void)pthread_cond_destroy(&pool->closed);
    (void)pthread_cond_destroy(&pool->wanted);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}

enum err_code view_pool_create(const struct view_pool_options *options, struct view_pool **ret_pool,
                               struct err *err)
{
    struct view_pool *pool = calloc(1, sizeof(*pool));

    if (!pool) {
        return err_set(err, ERR_NOMEM, "no memory for the view's readers");
    }
    pool->options = *options;
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->wanted, NULL);
    (void)pthread_cond_init(&pool->closed, NULL);
    for (uint32_t i = 0; i < VIEW_READERS; i++) {
        struct worker *worker = &pool->workers[i];

        worker->pool = pool;
        worker->deadline = (struct view_deadline){.pool = pool};
        if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
            view_pool_destroy(pool);
            return err_set(err, ERR_NOMEM, "a query thread can not be started");
        }
        worker->started = true;
        (void)pthread_setname_np(worker->thread, "query");
    }
    *ret_pool = pool;
    return ERR_NONE;
}
