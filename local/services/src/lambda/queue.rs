//! A queue with visibility timeout, redelivery and a dead-letter queue. Pure: the time is given to every call.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// How a queue behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// Time for which a received message is hidden.
    pub visibility_timeout: Duration,
    /// Receives after which a message goes to the dead-letter queue instead of a further one.
    pub receives_max: u32,
    /// Messages of one receive at most, 1 to 10.
    pub batch_messages_max: usize,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Identifies it.
    pub id: String,
    /// Its text.
    pub body: String,
    /// How often it was received.
    pub n_receives: u32,
    /// When it was sent.
    pub sent: Timestamp,
}

/// Messages, the oldest first.
#[derive(Debug)]
pub struct Queue {
    config: QueueConfig,
    waiting: Vec<(Instant, Message)>,
    dead: Vec<Message>,
}

impl Queue {
    /// An empty queue.
    pub fn new(config: QueueConfig) -> Self {
        Self {
            config,
            waiting: Vec::new(),
            dead: Vec::new(),
        }
    }

    /// Adds a message that can be received at once.
    pub fn send(&mut self, message: Message, now: Instant) {
        self.waiting.push((now, message));
    }

    /// Takes visible messages; they are hidden for the visibility timeout. Messages received too often go to the
    /// dead-letter queue.
    pub fn receive(&mut self, now: Instant) -> Vec<Message> {
        let receives_max = self.config.receives_max;
        let is_dead = |visible_at: Instant, message: &Message| {
            visible_at <= now && message.n_receives >= receives_max
        };
        let (dead, mut waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(visible_at, message)| is_dead(*visible_at, message));
        self.dead
            .extend(dead.into_iter().map(|(_, message)| message));
        let mut received = Vec::new();
        for (visible_at, message) in &mut waiting {
            if *visible_at <= now && received.len() < self.config.batch_messages_max {
                *visible_at = now + self.config.visibility_timeout;
                message.n_receives += 1;
                received.push(message.clone());
            }
        }
        self.waiting = waiting;
        received
    }

    /// Takes a receive back, and hides the message until then: nobody could have worked on it.
    pub fn postpone(&mut self, id: &str, until: Instant) {
        let mut waiting = self.waiting.iter_mut();
        if let Some((visible_at, message)) = waiting.find(|(_, message)| message.id == id) {
            *visible_at = until;
            message.n_receives = message.n_receives.saturating_sub(1);
        }
    }

    /// Removes a message: it was worked off.
    pub fn delete(&mut self, id: &str) {
        self.waiting.retain(|(_, message)| message.id != id);
    }

    /// When the next message can be received, or has to leave; `None` when the queue is empty.
    pub fn next_visible(&self) -> Option<Instant> {
        self.waiting.iter().map(|(visible_at, _)| *visible_at).min()
    }

    /// Messages that were given up, the oldest first.
    pub fn dead(&self) -> &[Message] {
        &self.dead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: QueueConfig = QueueConfig {
        visibility_timeout: Duration::from_secs(30),
        receives_max: 2,
        batch_messages_max: 2,
    };

    fn message(id: &str) -> Message {
        Message {
            id: id.to_owned(),
            body: String::new(),
            n_receives: 0,
            sent: Timestamp::UNIX_EPOCH,
        }
    }

    fn ids(messages: &[Message]) -> Vec<&str> {
        messages.iter().map(|message| message.id.as_str()).collect()
    }

    #[test]
    fn hidden_until_the_timeout_then_dead() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut queue = Queue::new(CONFIG);
        queue.send(message("a"), start);
        assert_eq!(ids(&queue.receive(at(0))), ["a"]);
        assert_eq!(queue.next_visible(), Some(at(30_000)));
        assert!(queue.receive(at(29_999)).is_empty());
        assert_eq!(queue.receive(at(30_000))[0].n_receives, 2);
        assert!(queue.dead().is_empty());
        assert!(queue.receive(at(60_000)).is_empty());
        assert_eq!(ids(queue.dead()), ["a"]);
        assert_eq!(queue.next_visible(), None);
    }

    #[test]
    fn a_postponed_message_is_hidden_and_keeps_its_receives() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut queue = Queue::new(CONFIG);
        queue.send(message("a"), start);
        for n in 0..5 {
            assert_eq!(queue.receive(at(n * 100))[0].n_receives, 1);
            queue.postpone("a", at((n + 1) * 100));
            assert!(queue.receive(at(n * 100 + 99)).is_empty());
        }
        queue.postpone("b", start);
        assert_eq!(ids(&queue.receive(at(500))), ["a"]);
        assert_eq!(queue.receive(at(30_500))[0].n_receives, 2);
        assert!(queue.receive(at(60_500)).is_empty());
        assert_eq!(ids(queue.dead()), ["a"]);
    }

    #[test]
    fn batches_and_deletion() {
        let now = Instant::now();
        let mut queue = Queue::new(CONFIG);
        for id in ["a", "b", "c"] {
            queue.send(message(id), now);
        }
        assert_eq!(ids(&queue.receive(now)), ["a", "b"]);
        queue.delete("a");
        assert_eq!(ids(&queue.receive(now)), ["c"]);
        let later = now + CONFIG.visibility_timeout;
        assert_eq!(ids(&queue.receive(later)), ["b", "c"]);
    }
}
