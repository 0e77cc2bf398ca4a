// The system calls of a secretary, as a seccomp filter written out: a list of numbers and a few checked arguments.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <initializer_list>
#include <vector>

#include "app/secretary/sandbox.h"

namespace netpas::secretary {

namespace {

#if defined(__x86_64__)
constexpr uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t architecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr uint32_t architecture = AUDIT_ARCH_RISCV64;
#elif defined(__arm__)
constexpr uint32_t architecture = AUDIT_ARCH_ARM;
#else
#error "name this processor's AUDIT_ARCH_ constant here"
#endif

// Nothing here makes a socket to the outside, starts or inspects a program, mounts, or changes a user.
const std::vector<long>& allowedCalls() {
    static const std::vector<long> calls {
        // descriptors
        SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_close,
            SYS_close_range, SYS_dup, SYS_dup3, SYS_fcntl, SYS_lseek, SYS_ppoll, SYS_pselect6, SYS_epoll_create1,
            SYS_epoll_ctl, SYS_epoll_pwait, SYS_eventfd2, SYS_timerfd_create, SYS_timerfd_settime, SYS_pipe2,
            // files; Landlock says which
            SYS_openat, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_faccessat, SYS_faccessat2,
            SYS_getdents64, SYS_readlinkat, SYS_unlinkat, SYS_renameat, SYS_renameat2, SYS_mkdirat, SYS_linkat,
            SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_umask, SYS_truncate, SYS_ftruncate, SYS_fallocate, SYS_fsync,
            SYS_fdatasync, SYS_sync_file_range, SYS_utimensat, SYS_flock, SYS_fadvise64, SYS_getcwd,
            // sockets that it was given
            SYS_accept, SYS_accept4, SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_shutdown, SYS_getsockopt,
            SYS_setsockopt, SYS_getsockname, SYS_getpeername,
            // memory, threads, time
            SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_mincore, SYS_mlock, SYS_mlock2, SYS_munlock,
            SYS_membarrier, SYS_futex, SYS_rseq, SYS_set_robust_list, SYS_set_tid_address, SYS_sched_yield,
            SYS_sched_getaffinity, SYS_sched_getparam, SYS_sched_getscheduler, SYS_nanosleep, SYS_clock_nanosleep,
            SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_restart_syscall, SYS_exit, SYS_exit_group,
            // signals of its own
            SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_sigaltstack,
            // about itself
            SYS_getpid, SYS_getppid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid,
            SYS_getresgid, SYS_getgroups, SYS_getrusage, SYS_times, SYS_sysinfo, SYS_uname, SYS_getrandom,
#if defined(__x86_64__) || defined(__arm__)
            // older names of the same
            SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_unlink, SYS_link, SYS_rename, SYS_mkdir,
            SYS_rmdir, SYS_chmod, SYS_poll, SYS_select, SYS_epoll_create, SYS_epoll_wait, SYS_dup2, SYS_pipe, SYS_time,
#endif
    };
    return calls;
}

// A filter program grows by instructions; every jump is within one check.
class Program {
public:
    Program() {
        load(offsetof(seccomp_data, arch));
        equal(architecture, 1, 0);
        finish(SECCOMP_RET_KILL_PROCESS);  // another processor's numbers mean other calls
        load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
        m_code.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, 0, 1));  // x32
        finish(SECCOMP_RET_KILL_PROCESS);
#endif
    }

    void allow(long call) {
        equal(static_cast<uint32_t>(call), 0, 1);
        finish(SECCOMP_RET_ALLOW);
    }
    // Fails as if the kernel did not have it: the C library then takes an older call.
    void hide(long call) {
        equal(static_cast<uint32_t>(call), 0, 1);
        finish(SECCOMP_RET_ERRNO | ENOSYS);
    }
    // Only with the argument's low half among these values.
    void allowWith(long call, size_t argument, std::initializer_list<uint32_t> values) {
        const auto count = static_cast<uint8_t>(values.size());
        equal(static_cast<uint32_t>(call), 0, static_cast<uint8_t>(2 * count + 2));
        load(low(argument));
        for (const uint32_t value : values) {
            equal(value, 0, 1);
            finish(SECCOMP_RET_ALLOW);
        }
        finish(SECCOMP_RET_ERRNO | EPERM);
    }
    // Only with all `set` bits and none of the `clear` ones in the argument.
    void allowWithBits(long call, size_t argument, uint32_t set, uint32_t clear) {
        equal(static_cast<uint32_t>(call), 0, 5);
        load(low(argument));
        m_code.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, set | clear));
        equal(set, 0, 1);
        finish(SECCOMP_RET_ALLOW);
        finish(SECCOMP_RET_ERRNO | EPERM);
    }

    bool enforce() {
        finish(SECCOMP_RET_ERRNO | EPERM);
        sock_fprog program{static_cast<unsigned short>(m_code.size()), m_code.data()};
        return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
    }

private:
    static size_t low(size_t argument) {
        static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
        return offsetof(seccomp_data, args) + argument * sizeof(uint64_t);
    }
    void load(size_t offset) { m_code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset))); }
    void equal(uint32_t value, uint8_t then, uint8_t otherwise) {
        m_code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise));
    }
    void finish(uint32_t action) { m_code.push_back(BPF_STMT(BPF_RET | BPF_K, action)); }

    std::vector<sock_filter> m_code;
};

}  // namespace

bool restrictSystemCalls() {
    // Without this an unprivileged process may not filter; with it a filter cannot be used to fool a set-user program.
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
    Program program;
    for (const long call : allowedCalls()) program.allow(call);
    // Memory that is both data and program is how a hijacked process would run code of its own.
    program.allowWithBits(SYS_mmap, 2, 0, PROT_EXEC);
    program.allowWithBits(SYS_mprotect, 2, 0, PROT_EXEC);
    program.allowWithBits(SYS_clone, 0, CLONE_THREAD | CLONE_VM, 0);  // threads, no processes
    program.hide(SYS_clone3);                                         // its flags cannot be seen from here
    program.allowWith(SYS_socketpair, 0, {AF_UNIX});
    program.allowWith(SYS_prctl, 0, {PR_SET_NAME});
    program.allowWith(SYS_ioctl, 1, {FIONBIO, FIONREAD, TCGETS, TCSETS, TCSETSW, TCFLSH, TIOCGWINSZ});
    program.allowWith(SYS_prlimit64, 0, {0, static_cast<uint32_t>(::getpid())});  // its own
    program.allowWith(SYS_tgkill, 0, {static_cast<uint32_t>(::getpid())});        // abort()
    return program.enforce();
}

}  // namespace netpas::secretary
