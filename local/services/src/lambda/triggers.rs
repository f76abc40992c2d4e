//! Event sources: objects written to S3 invoke a function.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::{Notify, broadcast, mpsc};
use tokio::task::JoinSet;

use super::notification::{SqsMessage, event_bridge_event, s3_event, sqs_event};
use super::queue::{Message, Queue, QueueConfig};
use super::{Lambda, Outcome};
use crate::s3::ObjectCreated;

/// Retries of a direct notification. Source: Lambda Developer Guide, asynchronous invocation, "two more times".
const RETRIES_MAX: u32 = 2;
/// Wait before the first retry, doubled for the second. Lambda waits one minute and two.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// Which objects, to which function, how.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// End of the keys that count.
    pub key_suffix: String,
    /// The function's name.
    pub function: String,
    /// What the function gets.
    pub delivery: Delivery,
}

/// How an event comes to the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The bucket's notification invokes the function.
    Direct,
    /// The bucket's EventBridge event invokes the function.
    EventBridge,
    /// The bucket's notification goes to a queue, the function gets batches of it.
    Queue(QueueConfig),
    /// The bucket's EventBridge event goes to a queue, the function gets batches of it.
    EventBridgeQueue(QueueConfig),
}

/// What happened to an event.
#[derive(Clone, Debug)]
pub enum Delivered {
    /// The function worked it off.
    Done {
        /// The message or event, as JSON text.
        event: String,
    },
    /// The function failed; the event comes again.
    Failed {
        /// The message or event, as JSON text.
        event: String,
        /// What it said.
        reason: String,
    },
    /// The function failed too often.
    GivenUp {
        /// The message or event, as JSON text.
        event: String,
        /// What it said last.
        reason: String,
    },
}

/// The event sources; they end when dropped.
#[derive(Debug)]
pub struct Triggers {
    _tasks: JoinSet<()>,
    delivered: broadcast::Sender<Delivered>,
}

impl Triggers {
    /// Starts them over the notifications of one S3 service, each with its own receiver.
    pub fn start(
        lambda: &Lambda,
        triggers: Vec<Trigger>,
        subscribe: impl Fn() -> broadcast::Receiver<ObjectCreated>,
    ) -> Self {
        let (delivered, _) = broadcast::channel(1024);
        let mut tasks = JoinSet::new();
        for trigger in triggers {
            let events = subscribe();
            let source = Source {
                lambda: lambda.clone(),
                trigger,
                delivered: delivered.clone(),
            };
            tasks.spawn(source.run(events));
        }
        Self {
            _tasks: tasks,
            delivered,
        }
    }

    /// What happens to events from now on.
    pub fn delivered(&self) -> broadcast::Receiver<Delivered> {
        self.delivered.subscribe()
    }
}

struct Source {
    lambda: Lambda,
    trigger: Trigger,
    delivered: broadcast::Sender<Delivered>,
}

impl Source {
    async fn run(self, mut events: broadcast::Receiver<ObjectCreated>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let suffix = self.trigger.key_suffix.clone();
        let queued = match self.trigger.delivery {
            Delivery::Direct | Delivery::EventBridge => None,
            Delivery::Queue(config) | Delivery::EventBridgeQueue(config) => Some(config),
        };
        let delivery = self.trigger.delivery;
        let mut work = JoinSet::new();
        match queued {
            Some(config) => work.spawn(self.poll(receiver, config)),
            None => work.spawn(self.invoke_each(receiver)),
        };
        loop {
            match events.recv().await {
                Ok(created) if created.key.ends_with(&suffix) => {
                    let _ = sender.send(body(delivery, &created));
                }
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(n_lost)) => {
                    tracing::warn!(n_lost, "notifications were lost");
                }
                Err(broadcast::error::RecvError::Closed) => break,
            }
        }
    }

    async fn invoke_each(self, mut events: mpsc::UnboundedReceiver<String>) {
        while let Some(event) = events.recv().await {
            let mut wait = RETRY_WAIT;
            for attempt in 0..=RETRIES_MAX {
                let Err(reason) = self.invoke(event.clone()).await else {
                    self.tell(Delivered::Done {
                        event: event.clone(),
                    });
                    break;
                };
                let event = event.clone();
                if attempt == RETRIES_MAX {
                    self.tell(Delivered::GivenUp { event, reason });
                    break;
                }
                self.tell(Delivered::Failed { event, reason });
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
        }
    }

    async fn poll(self, mut events: mpsc::UnboundedReceiver<String>, config: QueueConfig) {
        let queue = Arc::new(Mutex::new(Queue::new(config)));
        let came = Arc::new(Notify::new());
        let mut filling = JoinSet::new();
        let (filled, told) = (Arc::clone(&queue), Arc::clone(&came));
        filling.spawn(async move {
            let mut n_messages = 0u64;
            while let Some(body) = events.recv().await {
                n_messages += 1;
                let message = Message {
                    id: format!("{n_messages:08x}-0000-4000-8000-000000000000"),
                    body,
                    n_receives: 0,
                    sent: Timestamp::now(),
                };
                filled
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .send(message, Instant::now());
                told.notify_one();
            }
        });
        let mut n_dead = 0;
        let mut last_reason = String::new();
        loop {
            let (batch, next, dead) = {
                let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
                let batch = queue.receive(Instant::now());
                let dead: Vec<Message> = queue.dead().iter().skip(n_dead).cloned().collect();
                (batch, queue.next_visible(), dead)
            };
            n_dead += dead.len();
            for message in dead {
                self.tell(Delivered::GivenUp {
                    event: message.body,
                    reason: last_reason.clone(),
                });
            }
            if batch.is_empty() {
                match next {
                    None => came.notified().await,
                    Some(at) => tokio::select! {
                        () = came.notified() => {}
                        () = tokio::time::sleep_until(at.into()) => {}
                    },
                }
                continue;
            }
            let failed = self.hand_over(&batch, &mut last_reason).await;
            let postponed = self.postponed(&batch, &failed).await;
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            for message in &batch {
                if !failed.ids.contains(&message.id) {
                    queue.delete(&message.id);
                }
            }
            for (id, wait) in postponed {
                queue.postpone(&id, Instant::now() + wait.min(config.visibility_timeout));
            }
        }
    }

    /// Messages that the function gave back while another invocation holds what they need, and how long it may.
    async fn postponed(&self, batch: &[Message], failed: &Failed) -> Vec<(String, Duration)> {
        let mut postponed = Vec::new();
        let leases = self.lambda.leases_of(&self.trigger.function);
        let Some(leases) = leases.filter(|_| failed.is_given_back) else {
            return postponed;
        };
        for message in batch {
            if failed.ids.contains(&message.id)
                && let Some(wait) = leases.held(&message.body).await
            {
                postponed.push((message.id.clone(), wait));
            }
        }
        postponed
    }

    /// Invokes the function with a batch; returns which of its messages failed.
    async fn hand_over(&self, batch: &[Message], last_reason: &mut String) -> Failed {
        let queue = format!("{}-queue", self.trigger.function);
        let messages: Vec<SqsMessage<'_>> = batch
            .iter()
            .map(|message| SqsMessage {
                queue: &queue,
                message_id: &message.id,
                body: &message.body,
                n_receives: message.n_receives,
                sent: message.sent,
            })
            .collect();
        let answer = self.invoke(sqs_event(&messages).to_string()).await;
        let is_given_back = answer.is_ok();
        let (ids, reason) = match answer {
            Ok(answer) => (
                failed_messages(&answer, batch),
                "named in batchItemFailures".to_owned(),
            ),
            Err(reason) => (
                batch.iter().map(|message| message.id.clone()).collect(),
                reason,
            ),
        };
        for message in batch {
            let event = message.body.clone();
            self.tell(if ids.contains(&message.id) {
                Delivered::Failed {
                    event,
                    reason: reason.clone(),
                }
            } else {
                Delivered::Done { event }
            });
        }
        *last_reason = reason;
        Failed { ids, is_given_back }
    }

    async fn invoke(&self, event: String) -> Result<Bytes, String> {
        match self
            .lambda
            .invoke(&self.trigger.function, event.into())
            .await
        {
            Ok(Outcome {
                error: None,
                payload,
                ..
            }) => Ok(payload),
            Ok(Outcome {
                error: Some(error), ..
            }) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn tell(&self, delivered: Delivered) {
        // Nobody has to listen.
        let _ = self.delivered.send(delivered);
    }
}

/// Messages of a batch that were not worked off.
struct Failed {
    ids: Vec<String>,
    /// The function said so itself; otherwise it failed.
    is_given_back: bool,
}

fn body(delivery: Delivery, created: &ObjectCreated) -> String {
    let at = Timestamp::now();
    match delivery {
        Delivery::Direct | Delivery::Queue(_) => s3_event(created, at),
        Delivery::EventBridge | Delivery::EventBridgeQueue(_) => {
            let id = super::instance::request_id();
            event_bridge_event(created, &id, at)
        }
    }
    .to_string()
}

/// Which messages a partial batch answer names. An answer that names an unknown message, or that can't be read,
/// fails the whole batch. Source: Lambda Developer Guide, "Success and failure conditions".
fn failed_messages(answer: &[u8], batch: &[Message]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "batchItemFailures", default)]
        failures: Option<Vec<Failure>>,
    }
    #[derive(Deserialize)]
    struct Failure {
        #[serde(rename = "itemIdentifier")]
        id: Option<String>,
    }
    let all = || batch.iter().map(|message| message.id.clone()).collect();
    let answer: Option<Answer> = match serde_json::from_slice(answer) {
        Ok(answer) => answer,
        // Anything that isn't an object is a success, such as the `null` of a function without an answer.
        Err(_) if !answer.trim_ascii_start().starts_with(b"{") => None,
        Err(_) => return all(),
    };
    let mut failed = Vec::new();
    for failure in answer
        .and_then(|answer| answer.failures)
        .unwrap_or_default()
    {
        match failure.id {
            Some(id) if batch.iter().any(|message| message.id == id) => failed.push(id),
            _ => return all(),
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, expected: &[&str]) {
        let batch = ["a", "b"].map(|id| Message {
            id: id.to_owned(),
            body: String::new(),
            n_receives: 1,
            sent: Timestamp::UNIX_EPOCH,
        });
        assert_eq!(
            failed_messages(answer.as_bytes(), &batch),
            expected,
            "{answer}"
        );
    }

    #[test]
    fn partial_batch_answers() {
        check("null", &[]);
        check("", &[]);
        check("{}", &[]);
        check(r#"{"batchItemFailures": null}"#, &[]);
        check(r#"{"batchItemFailures": []}"#, &[]);
        check(
            r#"{"batchItemFailures": [{"itemIdentifier": "b"}]}"#,
            &["b"],
        );
        check(
            r#"{"batchItemFailures": [{"itemIdentifier": "c"}]}"#,
            &["a", "b"],
        );
        check(
            r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#,
            &["a", "b"],
        );
        check(r#"{"batchItemFailures": [{"id": "a"}]}"#, &["a", "b"]);
        check(r#"{"batchItemFailures": 1}"#, &["a", "b"]);
    }
}
