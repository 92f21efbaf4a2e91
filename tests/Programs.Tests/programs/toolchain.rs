// Threads, channels, locks, panics that are caught, TCP over the loopback interface, and a child process.
use std::collections::BTreeMap;
use std::io::{BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::Duration;

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf29ce484222325, |hash, byte| (hash ^ byte as u64).wrapping_mul(0x100000001b3))
}

fn main() {
    let (send, receive) = mpsc::channel::<String>();
    let receive = Arc::new(Mutex::new(receive));
    let count = Arc::new(Mutex::new(BTreeMap::<String, u64>::new()));
    let workers: Vec<_> = (0..6)
        .map(|_| {
            let (receive, count) = (receive.clone(), count.clone());
            thread::spawn(move || loop {
                let line = match receive.lock().unwrap().recv() {
                    Ok(line) => line,
                    Err(_) => return,
                };
                for word in line.split_whitespace().skip(1) {
                    *count.lock().unwrap().entry(word.to_string()).or_insert(0) += hash(&line) % 1000;
                }
            })
        })
        .collect();
    for line in std::io::stdin().lock().lines() {
        send.send(line.unwrap()).unwrap();
    }
    drop(send);
    for worker in workers {
        worker.join().unwrap();
    }
    for (word, sum) in count.lock().unwrap().iter().take(6) {
        println!("{word} {sum}");
    }

    std::panic::set_hook(Box::new(|_| ()));
    let lost = thread::spawn(|| {
        let none: Option<u32> = None;
        none.expect("nothing there")
    })
    .join();
    println!("panic: {}", lost.unwrap_err().downcast_ref::<String>().map(String::as_str).unwrap_or("nothing there"));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        stream.write_all(text.to_uppercase().as_bytes()).unwrap();
    });
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"over the loopback").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    server.join().unwrap();
    println!("{text}");

    let barrier = Arc::new(Barrier::new(4));
    let leaders = (0..4).map(|_| { let barrier = barrier.clone(); thread::spawn(move || barrier.wait().is_leader()) }).collect::<Vec<_>>();
    println!("leaders {}", leaders.into_iter().filter(|_| true).map(|one| one.join().unwrap()).filter(|is| *is).count());
    let pair = (Mutex::new(false), Condvar::new());
    let (_held, waited) = pair.1.wait_timeout(pair.0.lock().unwrap(), Duration::from_millis(20)).unwrap();
    println!("in time {}", waited.timed_out());
    let child = Command::new("/bin/sh").args(["-c", "echo from a child; exit 3"]).output().unwrap();
    println!("{}{:?}", String::from_utf8_lossy(&child.stdout), child.status.code());
    println!("{}", std::fs::File::open("/no/such/file").unwrap_err());
}
