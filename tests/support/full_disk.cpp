// Loaded into a server by a test (LD_PRELOAD): while the file named by PGANALYTICS_TEST_FULL_DISK exists, a write that
// would make a regular file longer fails as on a full disk; writing over what is allocated still works, as it does
// there. The same for root and for an ordinary user: needs no mount and no quota.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

bool refused(int descriptor, off64_t end) {
    const char* flag = getenv("PGANALYTICS_TEST_FULL_DISK");
    struct stat64 status {};
    if (flag == nullptr || access(flag, F_OK) != 0) return false;
    if (fstat64(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || end <= status.st_size) return false;
    errno = ENOSPC;
    return true;
}

template <typename Function>
Function* real(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

off64_t length_of(const iovec* parts, int count) {
    off64_t length = 0;
    for (int i = 0; i < count; ++i) length += static_cast<off64_t>(parts[i].iov_len);
    return length;
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t count) {
    static auto* const next = real<ssize_t(int, const void*, size_t)>("write");
    const bool appends = (fcntl(descriptor, F_GETFL) & O_APPEND) != 0;
    const off64_t at = lseek64(descriptor, 0, appends ? SEEK_END : SEEK_CUR);
    return at >= 0 && refused(descriptor, at + static_cast<off64_t>(count)) ? -1 : next(descriptor, bytes, count);
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t count, off64_t at) {
    static auto* const next = real<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
    return refused(descriptor, at + static_cast<off64_t>(count)) ? -1 : next(descriptor, bytes, count, at);
}

ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t at) {
    return pwrite64(descriptor, bytes, count, at);
}

ssize_t pwritev64(int descriptor, const iovec* parts, int count, off64_t at) {
    static auto* const next = real<ssize_t(int, const iovec*, int, off64_t)>("pwritev64");
    return refused(descriptor, at + length_of(parts, count)) ? -1 : next(descriptor, parts, count, at);
}

ssize_t pwritev(int descriptor, const iovec* parts, int count, off_t at) {
    return pwritev64(descriptor, parts, count, at);
}

int posix_fallocate64(int descriptor, off64_t at, off64_t length) {
    static auto* const next = real<int(int, off64_t, off64_t)>("posix_fallocate64");
    return refused(descriptor, at + length) ? ENOSPC : next(descriptor, at, length);
}

int posix_fallocate(int descriptor, off_t at, off_t length) {
    return posix_fallocate64(descriptor, at, length);
}

}  // extern "C"
