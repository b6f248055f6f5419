//! Where the time of a recording goes.

use super::recorder::Dispatch;
use super::{Download, Recorder, lock};
use crate::error::Result;

/// The time of all dispatches of one kernel in a recording.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StageTime {
    /// The kernel.
    pub kernel: String,
    /// The number of its dispatches.
    pub dispatches: u32,
    /// Total time of these dispatches in seconds.
    pub seconds: f64,
}

impl Recorder {
    /// Runs the recording with each dispatch apart, and says what each kernel took, in the order in which they first ran.
    ///
    /// By the device's own timestamps where it has them, in a compute pass for each dispatch, or around the copy that an encoder makes in its place;
    /// else, on native, by the clock around a submission for each dispatch. A command buffer that the recording was encoded into must not be submitted meanwhile.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) in a browser without timestamps;
    /// [`Error::DeviceLost`](crate::Error::DeviceLost), or what went wrong on the device since the last call.
    pub async fn profile(&self) -> Result<Vec<StageTime>> {
        let mut stages: Vec<StageTime> = Vec::new();
        for (dispatch, seconds) in self.dispatches.iter().zip(self.dispatch_seconds().await?) {
            let kernel = &dispatch.pipeline.label;
            match stages.iter_mut().find(|stage| stage.kernel == *kernel) {
                Some(stage) => {
                    stage.dispatches += 1;
                    stage.seconds += seconds;
                }
                None => stages.push(StageTime { kernel: kernel.clone(), dispatches: 1, seconds }),
            }
        }
        Ok(stages)
    }

    /// Runs the recording with each dispatch apart, as [`Recorder::profile`] does, and gives the seconds that each took.
    pub(crate) async fn dispatch_seconds(&self) -> Result<Vec<f64>> {
        // All is submitted before anything is waited for, so that nobody who submits the same recording comes between.
        if self.gpu().capabilities().timestamps() {
            let stamps = self.timestamps()?;
            self.between(stamps).await
        } else {
            self.clock()
        }
    }

    /// Runs the recording `times` times over, and gives the seconds that one run takes: by the device's own timestamps where it has them, else
    /// by the clock.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) async fn seconds(&self, times: u32) -> Result<f64> {
        let mut seconds = 0.0;
        if self.gpu().capabilities().timestamps() {
            let stamps = self.timestamps_of_all(times)?;
            seconds = self.between(stamps).await?.into_iter().sum();
        }
        // Some devices write zeros.
        if seconds <= 0.0 {
            self.gpu().wait()?;
            let start = std::time::Instant::now();
            (0..times).try_for_each(|_| self.submit())?;
            self.gpu().wait()?;
            seconds = start.elapsed().as_secs_f64();
        }
        Ok(seconds / f64::from(times))
    }

    /// Submits the work so many times, and reads back when each submission began and ended.
    #[cfg(not(target_arch = "wasm32"))]
    fn timestamps_of_all(&self, times: u32) -> Result<Vec<Download<u64>>> {
        let _submitting = lock(&self.submitting);
        let all = (0..times).flat_map(|_| self.submissions(self.gpu().capabilities().work_per_submission()));
        let downloads = all.map(|dispatches| self.stamped(&[dispatches])).collect::<Result<_>>()?;
        self.note_written();
        Ok(downloads)
    }

    /// Submits the work, and reads back when each dispatch began and ended.
    fn timestamps(&self) -> Result<Vec<Download<u64>>> {
        let _submitting = lock(&self.submitting);
        let passes: Vec<_> = self.dispatches.iter().map(std::slice::from_ref).collect();
        let chunks = passes.chunks(wgpu::QUERY_SET_MAX_QUERIES as usize / 2);
        let downloads = chunks.map(|passes| self.stamped(passes)).collect::<Result<_>>()?;
        self.note_written();
        Ok(downloads)
    }

    /// Submits some passes together, with two stamps each.
    fn stamped(&self, passes: &[&[Dispatch]]) -> Result<Download<u64>> {
        let gpu = self.gpu();
        let count = 2 * passes.len() as u32;
        let size = u64::from(count) * u64::from(wgpu::QUERY_SIZE);
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = gpu.create_buffer("pliant timestamps", size, usage)?;
        gpu.guarded(|| {
            let queries = gpu.device().create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("pliant timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count,
            });
            let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            for (index, dispatches) in passes.iter().enumerate() {
                let [begin, end] = [2 * index as u32, 2 * index as u32 + 1];
                let writes = |begin: Option<u32>, end: Option<u32>| {
                    Some(wgpu::ComputePassTimestampWrites {
                        query_set: &queries,
                        beginning_of_pass_write_index: begin,
                        end_of_pass_write_index: end,
                    })
                };
                if dispatches.iter().all(|dispatch| dispatch.copy.is_none()) {
                    Dispatch::encode_in_pass(dispatches, &mut encoder, writes(Some(begin), Some(end)));
                } else {
                    // What is no pass is between two that are empty.
                    Dispatch::encode_in_pass(&[], &mut encoder, writes(Some(begin), None));
                    Dispatch::encode_all(dispatches, &mut encoder);
                    Dispatch::encode_in_pass(&[], &mut encoder, writes(None, Some(end)));
                }
            }
            encoder.resolve_query_set(&queries, 0..count, &resolved, 0);
            gpu.queue().submit([encoder.finish()]);
        })?;
        Download::copied(gpu, &resolved, 0, count as usize)
    }

    /// The seconds between the two stamps of each pass.
    async fn between(&self, downloads: Vec<Download<u64>>) -> Result<Vec<f64>> {
        let period = f64::from(self.gpu().queue().get_timestamp_period()) * 1e-9;
        let mut seconds = Vec::new();
        for download in downloads {
            let stamps = download.await?;
            seconds.extend(stamps.chunks_exact(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64 * period));
        }
        Ok(seconds)
    }

    /// Submits the dispatches one by one, and gives the seconds until each has run.
    #[cfg(not(target_arch = "wasm32"))]
    fn clock(&self) -> Result<Vec<f64>> {
        let gpu = self.gpu();
        let _submitting = lock(&self.submitting);
        gpu.wait()?;
        let timed = self.dispatches.iter().map(|dispatch| {
            let start = std::time::Instant::now();
            self.submit_some(std::slice::from_ref(dispatch))?;
            gpu.wait()?;
            Ok(start.elapsed().as_secs_f64())
        });
        let seconds = timed.collect::<Result<_>>()?;
        self.note_written();
        Ok(seconds)
    }

    #[cfg(target_arch = "wasm32")]
    fn clock(&self) -> Result<Vec<f64>> {
        Err(crate::Error::Unsupported("this browser's device writes no timestamps".to_string()))
    }
}
