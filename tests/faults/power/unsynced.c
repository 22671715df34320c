/* Loaded into a process by LD_PRELOAD. Lets everything through and writes down what happens to the files below one folder,
 * in the order in which it happened, over all processes that do the same: so that a power cut can be played afterwards.
 *
 * UNSYNCED_BELOW: the folder, without links in its path. UNSYNCED_LOG: the file, outside of it. A record is four numbers of
 * 64 bits (kind, inode, place, length of what follows) and bytes:
 *   F, D  a file or a folder was made: path
 *   U     a name was taken away: path
 *   R, L  a file was renamed, or got a second name: both paths, `place` bytes of the old one first
 *   W     bytes were written at `place`
 *   T     a file was cut or grown to `place` bytes
 *   S     a sync of a file or folder succeeded
 * Whatever else changes files (mmap, fallocate) is not seen: whoever reads the log compares it with what is there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(result, name, ...) ((result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))
#define ANSWER(result) do { int kept = errno; leave(); errno = kept; return result; } while (0)
typedef const char *text;
/* A sync takes longer than it must: who answers before it is over is then seen to. */
enum { SLOW_MICROSECONDS = 3000 };

static int log_file = -1;
static text below = "";
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
    text file = getenv("UNSYNCED_LOG"), folder = getenv("UNSYNCED_BELOW");
    if (!file || !folder) return;
    log_file = REAL(int, "open64", text, int, ...)(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (log_file < 0) abort();
    below = strdup(folder);
}
/* One at a time: threads by the mutex, processes by the lock on the log. */
static void enter(void) {
    pthread_mutex_lock(&one);
    while (flock(log_file, LOCK_EX) != 0) if (errno != EINTR) abort();
}
static void leave(void) { flock(log_file, LOCK_UN); pthread_mutex_unlock(&one); }
static void record(char kind, uint64_t inode, uint64_t place, const void *bytes, size_t length) {
    uint64_t head[4] = {kind, inode, place, length};
    struct iovec both[2] = {{head, sizeof head}, {(void *)bytes, length}};
    if (REAL(ssize_t, "writev", int, const struct iovec *, int)(log_file, both, 2) != (ssize_t)(sizeof head + length)) abort();
}
static int is_below(text path) {
    size_t length = strlen(below);
    return log_file >= 0 && strncmp(path, below, length) == 0 && (path[length] == '/' || path[length] == 0);
}
/* The path behind a descriptor, if it is below; what was unlinked is still told by its inode. */
static int is_ours(int fd, char *path) {
    int kept = errno;
    char link[32];
    if (log_file < 0 || fd == log_file) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    errno = kept;
    path[length < 0 ? 0 : length] = 0;
    return is_below(path);
}
static struct stat about(int fd) { struct stat is; if (fstat(fd, &is) != 0) abort(); return is; }
/* A path from the root, as the caller means it. */
static text whole(text path, char *into) {
    char here[PATH_MAX];
    if (path[0] == '/' || !getcwd(here, sizeof here)) return path;
    if (snprintf(into, PATH_MAX, "%s/%s", here, path) >= PATH_MAX) abort();
    return into;
}
static int opened(text name, int folder, text path, int flags, mode_t mode) {
    int (*real)(int, text, int, ...) = REAL(int, name, int, text, int, ...);
    if (log_file < 0 || !(flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE) return real(folder, path, flags, mode);
    char found[PATH_MAX];
    struct stat before;
    enter();
    int is_new = fstatat(folder, path, &before, 0) != 0, fd = real(folder, path, flags, mode);
    if (fd >= 0 && is_ours(fd, found)) {
        if (is_new) record('F', about(fd).st_ino, 0, found, strlen(found));
        else if (flags & O_TRUNC) record('T', about(fd).st_ino, 0, "", 0);
    }
    ANSWER(fd);
}
#define MODE mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }
int open(text path, int flags, ...) { MODE return opened("openat", AT_FDCWD, path, flags, mode); }
int open64(text path, int flags, ...) { MODE return opened("openat64", AT_FDCWD, path, flags, mode); }
int openat(int folder, text path, int flags, ...) { MODE return opened("openat", folder, path, flags, mode); }
int openat64(int folder, text path, int flags, ...) { MODE return opened("openat64", folder, path, flags, mode); }

#define WRITES(name, place, parameters, arguments, types) ssize_t name parameters { \
    char path[PATH_MAX]; \
    if (!is_ours(fd, path)) return REAL(ssize_t, #name, types) arguments; \
    enter(); \
    uint64_t at = place; \
    ssize_t done = REAL(ssize_t, #name, types) arguments; \
    if (done > 0) record('W', about(fd).st_ino, at, bytes, (size_t)done); \
    ANSWER(done); }
#define TYPES(...) __VA_ARGS__
#define WHERE_IT_STANDS (uint64_t)((fcntl(fd, F_GETFL) & O_APPEND) ? about(fd).st_size : lseek(fd, 0, SEEK_CUR))
WRITES(write, WHERE_IT_STANDS, (int fd, const void *bytes, size_t n), (fd, bytes, n), TYPES(int, const void *, size_t))
WRITES(pwrite, (uint64_t)to, (int fd, const void *bytes, size_t n, off_t to), (fd, bytes, n, to), TYPES(int, const void *, size_t, off_t))
WRITES(pwrite64, (uint64_t)to, (int fd, const void *bytes, size_t n, off64_t to), (fd, bytes, n, to), TYPES(int, const void *, size_t, off64_t))
ssize_t writev(int fd, const struct iovec *parts, int n) {
    char path[PATH_MAX];
    if (!is_ours(fd, path)) return REAL(ssize_t, "writev", int, const struct iovec *, int)(fd, parts, n);
    while (n > 1 && parts->iov_len == 0) parts++, n--; /* who asked goes on with the rest */
    return n < 1 ? 0 : write(fd, parts->iov_base, parts->iov_len);
}
#define ON_FILE(name, kind, place, slow, parameters, arguments, types) int name parameters { \
    char path[PATH_MAX]; \
    if (!is_ours(fd, path)) return REAL(int, #name, types) arguments; \
    usleep(slow); \
    enter(); \
    int done = REAL(int, #name, types) arguments; \
    if (done == 0) record(kind, about(fd).st_ino, place, "", 0); \
    ANSWER(done); }
ON_FILE(fsync, 'S', 0, SLOW_MICROSECONDS, (int fd), (fd), TYPES(int))
ON_FILE(fdatasync, 'S', 0, SLOW_MICROSECONDS, (int fd), (fd), TYPES(int))
ON_FILE(ftruncate, 'T', (uint64_t)size, 0, (int fd, off_t size), (fd, size), TYPES(int, off_t))
ON_FILE(ftruncate64, 'T', (uint64_t)size, 0, (int fd, off64_t size), (fd, size), TYPES(int, off64_t))

/* One or two names; the inode of the one that is new, or 0. */
static void named(char kind, text old, text new) {
    char paths[2][PATH_MAX], both[2 * PATH_MAX];
    struct stat is = {0};
    old = old ? whole(old, paths[0]) : "";
    new = new ? whole(new, paths[1]) : "";
    if (!is_below(old) && !is_below(new)) return;
    if (*new && stat(new, &is) != 0) abort();
    int length = snprintf(both, sizeof both, "%s%s", old, new);
    record(kind, is.st_ino, strlen(old), both, (size_t)length);
}
#define ON_NAME(name, kind, old, new, parameters, arguments, types) int name parameters { \
    if (log_file < 0) return REAL(int, #name, types) arguments; \
    enter(); \
    int done = REAL(int, #name, types) arguments, why = errno; \
    if (done == 0) named(kind, old, new); \
    errno = why; \
    ANSWER(done); }
ON_NAME(unlink, 'U', path, 0, (text path), (path), TYPES(text))
ON_NAME(mkdir, 'D', 0, path, (text path, mode_t mode), (path, mode), TYPES(text, mode_t))
ON_NAME(rename, 'R', old, new, (text old, text new), (old, new), TYPES(text, text))
ON_NAME(link, 'L', old, new, (text old, text new), (old, new), TYPES(text, text))
ON_NAME(linkat, 'L', old, new, (int a, text old, int b, text new, int flags), (a, old, b, new, flags), TYPES(int, text, int, text, int))
