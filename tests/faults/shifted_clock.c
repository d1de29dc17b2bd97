/* Shifts what one process takes for the time of day, by CLOCK_SHIFT_SECONDS; how long something takes stays true.

   cc -shared -fPIC -o shifted_clock.so shifted_clock.c; LD_PRELOAD=... CLOCK_SHIFT_SECONDS=864000 program */

#define _GNU_SOURCE
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t shift;

__attribute__((constructor)) static void read_shift(void)
{
    const char *said = getenv("CLOCK_SHIFT_SECONDS");
    shift = said == NULL ? 0 : (time_t)atoll(said);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += shift;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *also)
{
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (also != NULL)
        *also = exact.tv_sec;
    return exact.tv_sec;
}
