//! A client for glommio that any thread can use: its executor has a thread of its own, to which
//! the calls are carried.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use glommio::{LocalExecutorBuilder, Placement};
use jerboa_wire::client::glommio::Client;
use jerboa_wire::client::{Config, Error, Expiry, PutOptions};

type Running = Pin<Box<dyn Future<Output = ()>>>;
type Job = Box<dyn FnOnce(Client) -> Running + Send>;

#[derive(Clone)]
pub(crate) struct Courier {
    executor: Arc<Executor>,
    timeout: Option<Duration>,
}

struct Executor {
    desk: Arc<Mutex<Desk>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Desk {
    jobs: VecDeque<Job>,
    waker: Option<Waker>,
    closed: bool,
}

impl Courier {
    pub(crate) fn connect(config: Config) -> Result<Self, Error> {
        let desk = Arc::new(Mutex::new(Desk::default()));
        let (sender, receiver) = mpsc::channel();
        let theirs = Arc::clone(&desk);
        let thread = thread::spawn(move || {
            let executor = LocalExecutorBuilder::new(Placement::Unbound)
                .ring_depth(64)
                .io_memory(64 << 10)
                .make()
                .unwrap();
            executor.run(async {
                match Client::connect_with(config).await {
                    Ok(client) => {
                        sender.send(Ok(())).unwrap();
                        serve(&theirs, &client).await;
                    }
                    Err(error) => sender.send(Err(error)).unwrap(),
                }
            });
        });
        let executor = Executor {
            desk,
            thread: Some(thread),
        };
        let courier = Self {
            executor: Arc::new(executor),
            timeout: None,
        };
        receiver.recv().unwrap().map(|()| courier)
    }

    pub(crate) fn with_timeout(&self, timeout: Duration) -> Self {
        let executor = Arc::clone(&self.executor);
        Self {
            executor,
            timeout: Some(timeout),
        }
    }

    /// Runs a job on the executor, beside others, and waits for its end.
    pub(crate) fn run<R, F>(&self, job: impl FnOnce(Client) -> F + Send + 'static) -> R
    where
        R: Send + 'static,
        F: Future<Output = R> + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        let timeout = self.timeout;
        let job: Job = Box::new(move |client| {
            let timed = timeout.map(|timeout| client.with_timeout(timeout));
            let client = timed.unwrap_or(client);
            Box::pin(async move { sender.send(job(client).await).unwrap() })
        });
        self.executor.change(|desk| desk.jobs.push_back(job));
        receiver.recv().unwrap()
    }
}

/// Takes jobs until there will be no more.
async fn serve(desk: &Mutex<Desk>, client: &Client) {
    loop {
        let job = std::future::poll_fn(|context| {
            let mut desk = desk.lock().unwrap();
            if let Some(job) = desk.jobs.pop_front() {
                return Poll::Ready(Some(job));
            }
            desk.waker = Some(context.waker().clone());
            if desk.closed {
                Poll::Ready(None)
            } else {
                Poll::Pending
            }
        });
        match job.await {
            Some(job) => glommio::spawn_local(job(client.clone())).detach(),
            None => return,
        };
    }
}

impl Executor {
    fn change(&self, change: impl FnOnce(&mut Desk)) {
        let mut desk = self.desk.lock().unwrap();
        change(&mut desk);
        let waker = desk.waker.take();
        drop(desk);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.change(|desk| desk.closed = true);
        let ended = self.thread.take().unwrap().join();
        assert!(
            ended.is_ok() || thread::panicking(),
            "the executor panicked"
        );
    }
}

/// An argument that was carried over, as it came.
pub(crate) trait Lend<'a, T> {
    fn lend(&'a self) -> T;
}

macro_rules! lend {
    ($($owned:ty => $lent:ty),+; $($copied:ty),+) => {
        $(impl<'a> Lend<'a, &'a $lent> for $owned {
            fn lend(&'a self) -> &'a $lent {
                self
            }
        })+
        $(impl Lend<'_, $copied> for $copied {
            fn lend(&self) -> $copied {
                *self
            }
        })+
    };
}

lend!(
    String => str, Vec<u8> => [u8], Vec<String> => [String],
    Vec<(String, Vec<u8>)> => [(String, Vec<u8>)];
    PutOptions, Expiry, i64
);
