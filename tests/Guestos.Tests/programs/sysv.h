/* What System V's calls make outlives its processes. */
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

/* All queues, sets of semaphores and segments, whoever made them. */
static void remove_system_v(void)
{
    struct msqid_ds queue;
    struct semid_ds set;
    struct shmid_ds segment;
    union { void *buffer; struct seminfo *information; } argument;
    char information[256];
    for (int id, i = msgctl(0, MSG_INFO, (struct msqid_ds *)information); i >= 0; i--)
        if ((id = msgctl(i, MSG_STAT, &queue)) >= 0)
            msgctl(id, IPC_RMID, NULL);
    argument.buffer = information;
    int highest = semctl(0, 0, SEM_INFO, argument);
    argument.buffer = &set;
    for (int id, i = highest; i >= 0; i--)
        if ((id = semctl(i, 0, SEM_STAT, argument)) >= 0)
            semctl(id, 0, IPC_RMID);
    for (int id, i = shmctl(0, SHM_INFO, (struct shmid_ds *)information); i >= 0; i--)
        if ((id = shmctl(i, SHM_STAT, &segment)) >= 0)
            shmctl(id, IPC_RMID, NULL);
}
