/* Counts the calls by which a process reads and changes what lies below FAULT_FOLDER, and lets the FAULT_AT-th one go wrong. To be
   loaded before the C library (LD_PRELOAD).

   FAULT_HOW  a number     the call does nothing and fails with this error
              kill         the process is killed before the call
              torn         of a write half is done, then the process is killed; any other call as with `kill`
              half         of a write half is done, and the rest is left to the caller
              jitter       every call comes late by up to FAULT_AT microseconds
   FAULT_ON   if set, that and every later call goes wrong that needs room on the disk, and no other, as on a disk that is full
   FAULT_LOG  a file to which the names of all counted calls are appended

   A sync is counted and not done: what a killed process has written is kept by the system, and only a lost one forgets it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES = 4096 };

static char below[FILES]; /* Whether a file descriptor is of something below the folder. */
static atomic_long calls;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_below(int folder, const char *path) {
    const char *root = getenv("FAULT_FOLDER");
    if (!root || !path) return 0;
    if (path[0] != '/') return folder >= 0 && folder < FILES && below[folder];
    size_t length = strlen(root);
    return strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int is_open(int file) { return file >= 0 && file < FILES && below[file]; }

static int marked(int file, int is) {
    if (file >= 0 && file < FILES) below[file] = is;
    return file;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

enum fate { GOES_ON, FAILS, HALF, TORN };

static enum fate fate(const char *name, int needs_room) {
    long count = atomic_fetch_add(&calls, 1) + 1;
    const char *log = getenv("FAULT_LOG"), *at = getenv("FAULT_AT"), *how = getenv("FAULT_HOW");
    if (log) {
        char line[64];
        int length = snprintf(line, sizeof line, "%s\n", name);
        int file = REAL(open)(log, O_WRONLY | O_APPEND | O_CREAT, 0644);
        if (REAL(write)(file, line, length) != length) die();
        REAL(close)(file);
    }
    if (!at || !how) return GOES_ON;
    if (strcmp(how, "jitter") == 0) {
        static _Thread_local unsigned seed;
        if (!seed) seed = getpid();
        usleep(rand_r(&seed) % atol(at));
        return GOES_ON;
    }
    int it = getenv("FAULT_ON") ? count >= atol(at) && needs_room : count == atol(at);
    if (!it) return GOES_ON;
    if (strcmp(how, "half") == 0) return HALF;
    if (strcmp(how, "torn") == 0) return TORN;
    if (strcmp(how, "kill") == 0) die();
    errno = atoi(how);
    return FAILS;
}

/* Of a call that cannot be done by half. */
static int fails(const char *name, int needs_room) {
    enum fate what = fate(name, needs_room);
    if (what == TORN) die();
    return what == FAILS;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        MODE(flags) \
        int is = is_below(-1, path); \
        if (is && fails(flags & O_CREAT ? #name " to create" : #name, flags & O_CREAT)) return -1; \
        return marked(REAL(name)(path, flags, mode), is); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        MODE(flags) \
        int is = is_below(folder, path); \
        if (is && fails(flags & O_CREAT ? #name " to create" : #name, flags & O_CREAT)) return -1; \
        return marked(REAL(name)(folder, path, flags, mode), is); \
    }
OPENAT(openat)
OPENAT(openat64)

#define CREAT(name) \
    int name(const char *path, mode_t mode) { \
        int is = is_below(-1, path); \
        if (is && fails(#name, 1)) return -1; \
        return marked(REAL(name)(path, mode), is); \
    }
CREAT(creat)
CREAT(creat64)

DIR *opendir(const char *path) {
    int is = is_below(-1, path);
    return is && fails("opendir", 0) ? NULL : REAL(opendir)(path);
}

int close(int file) {
    marked(file, 0);
    return REAL(close)(file);
}

ssize_t read(int file, void *into, size_t size) {
    return is_open(file) && fails("read", 0) ? -1 : REAL(read)(file, into, size);
}

#define WRITE(name, arguments, half_of, ...) \
    ssize_t name arguments { \
        if (!is_open(file)) return REAL(name)(__VA_ARGS__); \
        enum fate what = fate(#name, 1); \
        if (what == FAILS) return -1; \
        if (what == HALF || what == TORN) half_of; \
        ssize_t written = REAL(name)(__VA_ARGS__); \
        if (what == TORN) die(); \
        return written; \
    }
WRITE(write, (int file, const void *from, size_t size), size = (size + 1) / 2, file, from, size)
WRITE(pwrite, (int file, const void *from, size_t size, off_t at), size = (size + 1) / 2, file, from, size, at)
WRITE(pwrite64, (int file, const void *from, size_t size, off64_t at), size = (size + 1) / 2, file, from, size, at)
WRITE(writev, (int file, const struct iovec *parts, int count), count = (count + 1) / 2, file, parts, count)

#define SYNC(name) \
    int name(int file) { \
        if (!is_open(file)) return REAL(name)(file); \
        return fails(#name, 1) ? -1 : 0; \
    }
SYNC(fsync)
SYNC(fdatasync)

/* What takes paths: counted, and otherwise left alone. */
#define PATHS(name, is, needs_room, arguments, ...) \
    int name arguments { \
        return (is) && fails(#name, needs_room) ? -1 : REAL(name)(__VA_ARGS__); \
    }
PATHS(mkdir, is_below(-1, path), 1, (const char *path, mode_t mode), path, mode)
PATHS(mkdirat, is_below(folder, path), 1, (int folder, const char *path, mode_t mode), folder, path, mode)
PATHS(unlink, is_below(-1, path), 0, (const char *path), path)
PATHS(unlinkat, is_below(folder, path), 0, (int folder, const char *path, int flags), folder, path, flags)
PATHS(rmdir, is_below(-1, path), 0, (const char *path), path)
PATHS(rename, is_below(-1, to), 0, (const char *from, const char *to), from, to)
PATHS(renameat, is_below(new, to), 0, (int old, const char *from, int new, const char *to), old, from, new, to)
PATHS(renameat2, is_below(new, to), 0, (int old, const char *from, int new, const char *to, unsigned flags), old, from, new, to, flags)
PATHS(link, is_below(-1, to), 1, (const char *from, const char *to), from, to)
PATHS(linkat, is_below(new, to), 1, (int old, const char *from, int new, const char *to, int flags), old, from, new, to, flags)
PATHS(symlink, is_below(-1, to), 1, (const char *from, const char *to), from, to)
PATHS(symlinkat, is_below(new, to), 1, (const char *from, int new, const char *to), from, new, to)
PATHS(truncate, is_below(-1, path), 1, (const char *path, off_t size), path, size)
PATHS(truncate64, is_below(-1, path), 1, (const char *path, off64_t size), path, size)
PATHS(ftruncate, is_open(file), 1, (int file, off_t size), file, size)
PATHS(ftruncate64, is_open(file), 1, (int file, off64_t size), file, size)
PATHS(fallocate, is_open(file), 1, (int file, int mode, off_t from, off_t size), file, mode, from, size)
PATHS(chmod, is_below(-1, path), 0, (const char *path, mode_t mode), path, mode)
PATHS(fchmod, is_open(file), 0, (int file, mode_t mode), file, mode)
PATHS(fchmodat, is_below(folder, path), 0, (int folder, const char *path, mode_t mode, int flags), folder, path, mode, flags)

#define COPY(name, arguments, ...) \
    ssize_t name arguments { \
        return is_open(to) && fails(#name, 1) ? -1 : REAL(name)(__VA_ARGS__); \
    }
COPY(copy_file_range, (int from, off64_t *in, int to, off64_t *out, size_t size, unsigned flags), from, in, to, out, size, flags)
COPY(sendfile, (int to, int from, off_t *at, size_t size), to, from, at, size)
COPY(sendfile64, (int to, int from, off64_t *at, size_t size), to, from, at, size)
COPY(splice, (int from, off64_t *in, int to, off64_t *out, size_t size, unsigned flags), from, in, to, out, size, flags)
