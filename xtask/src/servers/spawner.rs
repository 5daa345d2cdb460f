//! Starts and stops children that cannot outlive this process.
//!
//! The kernel signals a child when the *thread* that started it ends (prctl(2),
//! `PR_SET_PDEATHSIG`), so one thread that lives as long as the process starts them all. The
//! setting is made by `setpriv`, which then becomes the program.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

const STOP_DEADLINE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

type Job = (Command, Sender<io::Result<Child>>);

static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();

/// A command to give to [`spawn`]: it gets a process group of its own and SIGTERM when we die.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "TERM", "--"])
        .arg(program)
        .process_group(0);
    command
}

/// The words of a [`command`] as a person would type them.
pub fn show(command: &Command) -> String {
    let words = command.get_args().skip(3).map(OsStr::to_string_lossy);
    words.collect::<Vec<_>>().join(" ")
}

/// Starts what [`command`] made.
pub fn spawn(command: Command) -> io::Result<Child> {
    let (answer, child) = channel();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        thread::spawn(move || run(&jobs));
        sender
    });
    let gone = "the thread that starts children is gone";
    spawner
        .send((command, answer))
        .map_err(|_| io::Error::other(gone))?;
    child.recv().map_err(|_| io::Error::other(gone))?
}

fn run(jobs: &Receiver<Job>) {
    for (mut command, answer) in jobs {
        // A child that nobody waits for must not run.
        if let Err(unwanted) = answer.send(command.spawn())
            && let Ok(mut child) = unwanted.0
        {
            kill(&mut child);
        }
    }
}

/// SIGTERM to the child's group, SIGKILL after ten seconds; returns when the child is gone.
pub fn stop(child: &mut Child) {
    signal(child, Signal::TERM);
    let deadline = Instant::now() + STOP_DEADLINE;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(POLL);
    }
    kill(child);
}

/// SIGKILL to the child's group; returns when the child is gone.
pub fn kill(child: &mut Child) {
    signal(child, Signal::KILL);
    // It fails only if the child was waited for before.
    let _ = child.wait();
}

/// Lets the child's group stand still.
pub fn pause(child: &mut Child) {
    signal(child, Signal::STOP);
}

/// Lets it go on.
pub fn resume(child: &mut Child) {
    signal(child, Signal::CONT);
}

fn signal(child: &mut Child, signal: Signal) {
    // A child that has been waited for may have given its number to another process.
    if matches!(child.try_wait(), Ok(None)) {
        // It fails only if the group is gone, and then there is nothing to do.
        let _ = kill_process_group(Pid::from_child(child), signal);
    }
}
