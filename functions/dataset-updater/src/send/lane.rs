//! One dataset's updates, one at a time: submit, wait until settled, and find the line at fault when one fails.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use aws::rekognition::{DatasetState, Rekognition, Status};
use manifest::{Batcher, Changes, Code};

use crate::error::{RunError, Stage};
use crate::polling::Polling;
use crate::request::budget::{Budget, millis};
use crate::request::config::Config;
use crate::state::dataset::LaneSide;
use crate::state::progress::{InFlight, LaneProgress, News, Refused};

/// Clock difference that is tolerated when an update's end is told from an older one's, in milliseconds.
const CLOCK_SKEW_MS: i64 = 5_000;
/// Updates that may fail by the service's fault before the work stops.
const SERVICE_FAULTS_MAX: u32 = 4;
/// Updates spent on finding the lines at fault of one failed update. What fails after that is refused as a whole.
const ISOLATING_UPDATES_MAX: u32 = 200;

/// One dataset and its updates.
#[derive(Debug)]
pub struct Lane<'a> {
    rekognition: &'a Rekognition,
    config: &'a Config,
    budget: Budget,
    /// Train or test.
    pub side: LaneSide,
    /// The dataset.
    pub dataset_arn: String,
    /// Entries that aren't enough for an update yet.
    pub batcher: Batcher,
    /// The dataset when it was last looked at.
    pub state: Option<DatasetState>,
    /// Whether something that landed could not be written below `parts/`.
    pub is_unwritten: bool,
    /// Whether what is handed over was handed over before: it is noted already, up to the last line.
    pub is_again: bool,
    /// When the dataset last changed, as far as is known: by whoever before the first update, by our own updates then.
    known_ms: Option<i64>,
    flight: Option<Flight>,
    /// An update that an earlier invocation, or this one, didn't wait for.
    in_flight: Option<InFlight>,
    settled: Settled,
}

/// What was settled and isn't written down yet.
#[derive(Debug, Default)]
pub struct Settled {
    /// Entries that landed: first and last line, and the JSON Lines.
    pub landed: Vec<(u64, u64, Vec<u8>)>,
    /// Lines that the service refused.
    pub refused: Vec<Refused>,
    /// What the checkpoint keeps of it.
    pub news: News,
}

#[derive(Debug)]
struct Flight {
    changes: Changes,
    submitted_at: SystemTime,
    /// When the dataset had last changed before.
    last_updated_ms: Option<i64>,
}

enum Verdict {
    Landed,
    Failed(String),
    ServiceFault(String),
}

impl<'a> Lane<'a> {
    /// A lane that goes on from what the checkpoint says of it.
    #[must_use]
    pub fn new(
        rekognition: &'a Rekognition,
        config: &'a Config,
        budget: Budget,
        progress: &LaneProgress,
    ) -> Self {
        Self {
            rekognition,
            config,
            budget,
            batcher: Batcher::new(config.changes_bytes_max),
            side: progress.side,
            dataset_arn: progress.dataset_arn.clone(),
            state: None,
            is_unwritten: false,
            is_again: false,
            known_ms: None,
            flight: None,
            in_flight: progress.in_flight,
            settled: Settled::default(),
        }
    }

    /// Hands changes to the dataset. The update before has to be settled.
    ///
    /// Changes that an earlier invocation handed over before its time ended are not handed over again.
    ///
    /// # Errors
    ///
    /// [`RunError::OutOfTime`] when somebody else's update takes longer than this invocation.
    pub async fn submit(&mut self, changes: Changes) -> Result<(), RunError> {
        let last_line = last_line(&changes.entries);
        if let Some(in_flight) = self.in_flight.take()
            && in_flight.last_line == last_line
        {
            let since = u64::try_from(in_flight.submitted_at_ms).unwrap_or(0);
            self.flight = Some(Flight {
                changes,
                submitted_at: SystemTime::UNIX_EPOCH + Duration::from_millis(since),
                last_updated_ms: in_flight.last_updated_ms,
            });
            return Ok(());
        }
        let last_updated_ms = self.ready().await?.last_updated_ms;
        let submitted_at = self.update(&changes.bytes).await?;
        self.flight = Some(Flight {
            changes,
            submitted_at,
            last_updated_ms: Some(last_updated_ms),
        });
        Ok(())
    }

    /// Waits until the update under way, if any, has settled. What settled is taken with [`Lane::take_settled`],
    /// also after an error.
    ///
    /// # Errors
    ///
    /// [`RunError::OutOfTime`] when it takes longer than this invocation; the update stays under way.
    pub async fn settle(&mut self) -> Result<(), RunError> {
        let Some(flight) = self.flight.take() else {
            return Ok(());
        };
        let mut changes = flight.changes;
        let verdict = match self.wait(flight.submitted_at, flight.last_updated_ms).await {
            Ok(Verdict::ServiceFault(message)) => self.attempt(&changes.bytes, message).await?,
            Ok(verdict) => verdict,
            Err(error) => {
                let in_flight = InFlight {
                    last_line: last_line(&changes.entries),
                    submitted_at_ms: millis(flight.submitted_at),
                    last_updated_ms: flight.last_updated_ms,
                };
                self.in_flight = Some(in_flight).filter(|_| !self.is_again);
                return Err(error);
            }
        };
        match verdict {
            Verdict::Landed => {
                let bytes = std::mem::take(&mut changes.bytes);
                self.land(&changes.entries, bytes);
                Ok(())
            }
            Verdict::Failed(message) | Verdict::ServiceFault(message) => {
                self.isolate(&changes, message).await
            }
        }
    }

    /// What was settled since the last call.
    pub fn take_settled(&mut self) -> Settled {
        self.settled.news.in_flight = self.in_flight;
        std::mem::take(&mut self.settled)
    }

    /// Whether an update that wasn't waited for is still to be.
    #[must_use]
    pub fn has_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Gives up on an update that wasn't waited for: whether its entries are there is looked for otherwise.
    pub fn forget_in_flight(&mut self) {
        self.in_flight = None;
    }

    /// Whether somebody else has changed the dataset since it was last known. Changes that an earlier invocation
    /// handed over are our own.
    ///
    /// What isn't noticed: another's update that begins after the end of ours and ends before our next look, or that ends
    /// within the grain of the service's clock.
    ///
    /// # Errors
    ///
    /// As [`Lane::ready`].
    pub async fn has_changed(&mut self) -> Result<bool, RunError> {
        if self.in_flight.is_some() {
            return Ok(false);
        }
        let known_ms = self.known_ms;
        self.state = None;
        let last_updated_ms = self.ready().await?.last_updated_ms;
        Ok(known_ms.is_some_and(|known_ms| known_ms != last_updated_ms))
    }

    /// Lets entries go that aren't enough for an update yet.
    pub fn drop_batch(&mut self) {
        self.batcher = Batcher::new(self.config.changes_bytes_max);
    }

    /// Forgets the dataset's state, so that it is looked at again.
    pub fn forget(&mut self) {
        self.state = None;
    }

    /// Looks at the dataset, if it wasn't since its last update, until no update of anybody's is under way, and returns its
    /// state.
    ///
    /// # Errors
    ///
    /// [`RunError::DatasetUnusable`] when it is being deleted or could not be created.
    pub async fn ready(&mut self) -> Result<DatasetState, RunError> {
        if let Some(state) = &self.state {
            return Ok(state.clone());
        }
        let mut polling = self.polling();
        loop {
            let state = self.look().await?;
            if matches!(state.status, Status::Complete | Status::UpdateFailed) {
                let before = &mut self.settled.news.before;
                before.get_or_insert(state.stats.into());
                self.known_ms = Some(state.last_updated_ms);
                self.state = Some(state.clone());
                return Ok(state);
            }
            pause(&mut polling).await?;
        }
    }

    /// Halves a failed update until the lines at fault are alone; everything else lands. A line alone is at fault when it
    /// fails twice: one failure may have been another writer's.
    async fn isolate(&mut self, changes: &Changes, message: String) -> Result<(), RunError> {
        let lines: Vec<&[u8]> = changes
            .bytes
            .split_inclusive(|byte| *byte == b'\n')
            .collect();
        let mut n_updates = 0;
        let mut pieces = VecDeque::new();
        let mut failed = Some((0..changes.entries.len(), message));
        let mut failed_alone = None;
        loop {
            if let Some((range, message)) = failed.take() {
                tracing::warn!(
                    dataset_arn = self.dataset_arn,
                    n_entries = range.len(),
                    status_message = message,
                    "update failed"
                );
                let middle = range.start + range.len() / 2;
                let is_over = n_updates >= ISOLATING_UPDATES_MAX || is_about_all(&message);
                if range.len() == 1 && !is_over && failed_alone != Some(range.start) {
                    failed_alone = Some(range.start);
                    pieces.push_front(range);
                } else if range.len() == 1 || is_over {
                    self.refuse(changes.entries.get(range).unwrap_or_default(), &message);
                } else {
                    pieces.push_front(middle..range.end);
                    pieces.push_front(range.start..middle);
                }
            }
            let Some(range) = pieces.pop_front() else {
                return Ok(());
            };
            let bytes = lines.get(range.clone()).unwrap_or_default().concat();
            n_updates += 1;
            match self.attempt(&bytes, String::new()).await? {
                Verdict::Landed => {
                    self.land(changes.entries.get(range).unwrap_or_default(), bytes);
                }
                Verdict::Failed(message) | Verdict::ServiceFault(message) => {
                    failed = Some((range, message));
                }
            }
        }
    }

    /// Updates and waits, again when the service says that it was its own fault.
    async fn attempt(&mut self, bytes: &[u8], message: String) -> Result<Verdict, RunError> {
        let mut message = message;
        for _ in 0..SERVICE_FAULTS_MAX {
            let last_updated_ms = self.state.as_ref().map(|state| state.last_updated_ms);
            let submitted_at = self.update(bytes).await?;
            match self.wait(submitted_at, last_updated_ms).await? {
                Verdict::ServiceFault(latest) => message = latest,
                verdict => return Ok(verdict),
            }
        }
        Err(RunError::ServiceFault {
            dataset_arn: self.dataset_arn.clone(),
            message,
        })
    }

    fn land(&mut self, entries: &[(u64, String)], bytes: Vec<u8>) {
        if self.is_again {
            return;
        }
        let first_line = entries.first().map_or(0, |(line_number, _)| *line_number);
        let last_line = last_line(entries);
        self.settled.landed.push((first_line, last_line, bytes));
        self.settled.news.settled_line = Some(last_line);
    }

    fn refuse(&mut self, entries: &[(u64, String)], message: &str) {
        let message = Refused::message(&format!("the update failed over the entry: {message}"));
        if !self.is_again {
            self.settled.news.settled_line = Some(last_line(entries));
        }
        for (line_number, _) in entries {
            self.settled.refused.push(Refused {
                line_number: *line_number,
                message: message.clone(),
            });
        }
    }

    async fn update(&mut self, bytes: &[u8]) -> Result<SystemTime, RunError> {
        // A process that was asleep may wake up when the dataset is another's to update.
        if SystemTime::now() >= self.budget.lease_until {
            return Err(out_of_time());
        }
        let arn = &self.dataset_arn;
        self.rekognition
            .update_entries(arn, bytes, self.budget.until)
            .await?;
        self.settled.news.n_updates += 1;
        Ok(SystemTime::now())
    }

    /// Waits for an update's end.
    ///
    /// The status of a dataset describes its last update, and right after a new one it may still be the one before's: it counts only
    /// after the dataset was seen busy or has changed. One that never does, because it was settled before the
    /// first look within the clock's grain, is believed after a while.
    async fn wait(
        &mut self,
        submitted_at: SystemTime,
        last_updated_ms: Option<i64>,
    ) -> Result<Verdict, RunError> {
        let is_fresh = |state: &DatasetState| match last_updated_ms {
            Some(before_ms) => state.last_updated_ms > before_ms,
            None => state.last_updated_ms >= millis(submitted_at) - CLOCK_SKEW_MS,
        };
        let mut polling = self.polling();
        let mut was_busy = false;
        loop {
            pause(&mut polling).await?;
            let state = self.look().await?;
            if state.status == Status::Busy {
                was_busy = true;
                continue;
            }
            let waited = submitted_at.elapsed().unwrap_or_default();
            if !(was_busy || is_fresh(&state) || waited > self.config.stale_status_max) {
                continue;
            }
            self.settled.news.update_ms += u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
            let verdict = match state.status {
                Status::UpdateFailed if state.is_service_fault => {
                    Verdict::ServiceFault(state.message.clone())
                }
                Status::UpdateFailed => Verdict::Failed(state.message.clone()),
                _ => Verdict::Landed,
            };
            self.known_ms = Some(state.last_updated_ms);
            self.state = Some(state);
            return Ok(verdict);
        }
    }

    async fn look(&self) -> Result<DatasetState, RunError> {
        let arn = &self.dataset_arn;
        let state = self
            .rekognition
            .dataset_state(arn, self.budget.until)
            .await?;
        let reason = match state.status {
            Status::CreateFailed => "it could not be created",
            Status::Deleting => "it is being deleted",
            Status::Unknown => "it has a status that this version doesn't know",
            Status::Busy | Status::Complete | Status::UpdateFailed => return Ok(state),
        };
        Err(RunError::DatasetUnusable {
            dataset_arn: arn.clone(),
            reason: format!("{reason} ({})", state.message),
        })
    }

    fn polling(&self) -> Polling {
        let (first, longest) = (self.config.poll_interval, self.config.poll_interval_max);
        Polling::growing(first, longest, self.budget.until)
    }
}

async fn pause(polling: &mut Polling) -> Result<(), RunError> {
    if polling.pause().await {
        Ok(())
    } else {
        Err(out_of_time())
    }
}

fn out_of_time() -> RunError {
    let stage = Stage::Updating;
    RunError::OutOfTime { stage }
}

fn last_line(entries: &[(u64, String)]) -> u64 {
    entries.last().map_or(0, |(line_number, _)| *line_number)
}

/// Whether an update failed for the dataset as a whole, so that halving it would only fail more often.
fn is_about_all(message: &str) -> bool {
    [
        Code::ManifestRowsExceedMaximum,
        Code::ManifestTooManyLabels,
        Code::ManifestSizeTooLarge,
    ]
    .iter()
    .any(|code| message.contains(code.as_str()))
}
