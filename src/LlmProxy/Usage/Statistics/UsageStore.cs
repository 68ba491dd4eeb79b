using Dapper;
using LlmProxy.Storage;

namespace LlmProxy.Usage.Statistics;

/// <summary>Every SQL statement about usage.</summary>
[DapperAot]
internal sealed class UsageStore(Database database)
{
    private const int SweptMax = 1_000;

    private const string Columns = """
        start, project_id, token_id, provider, model, requests, refused, errors, prompt_tokens,
        completion_tokens, cached_tokens, cache_written_tokens, reasoning_tokens, audio_prompt_tokens,
        audio_completion_tokens, cost, unpriced, counted, unmeasured
        """;

    // Nothing is added for a project that was deleted meanwhile: the reference would fail, and the batch with it.
    private const string Values = """
        SELECT @Start, @ProjectId, @TokenId, @Provider, @Model, @Requests, @Refused, @Errors, @PromptTokens,
               @CompletionTokens, @CachedTokens, @CacheWrittenTokens, @ReasoningTokens, @AudioPromptTokens,
               @AudioCompletionTokens, @Cost, @Unpriced, @Counted, @Unmeasured
        WHERE EXISTS (SELECT 1 FROM projects WHERE id = @ProjectId)
        ON CONFLICT (start, project_id, token_id, provider, model) DO UPDATE SET
            requests = requests + excluded.requests, refused = refused + excluded.refused,
            errors = errors + excluded.errors, prompt_tokens = prompt_tokens + excluded.prompt_tokens,
            completion_tokens = completion_tokens + excluded.completion_tokens,
            cached_tokens = cached_tokens + excluded.cached_tokens,
            cache_written_tokens = cache_written_tokens + excluded.cache_written_tokens,
            reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens,
            audio_prompt_tokens = audio_prompt_tokens + excluded.audio_prompt_tokens,
            audio_completion_tokens = audio_completion_tokens + excluded.audio_completion_tokens,
            cost = cost + excluded.cost, unpriced = unpriced + excluded.unpriced,
            counted = counted + excluded.counted, unmeasured = unmeasured + excluded.unmeasured
        """;

    // A dimension that is not grouped by is the same in all rows. Pages go on after the last row of the one before.
    private const string Groups = """
        WITH grouped AS (
            SELECT *, CASE WHEN @ByStart THEN start ELSE 0 END AS s,
                CASE WHEN @ByProject THEN project_id ELSE '' END AS p,
                CASE WHEN @ByToken THEN token_id ELSE '' END AS t,
                CASE WHEN @ByProvider THEN provider ELSE '' END AS v,
                CASE WHEN @ByModel THEN model ELSE '' END AS m
            FROM
        """;

    private const string Sums = """
            WHERE start >= @From AND start < @To AND (@ProjectId IS NULL OR project_id = @ProjectId)
                AND (@TokenId IS NULL OR token_id = @TokenId) AND (@Model IS NULL OR model = @Model))
        SELECT s AS Start, p AS ProjectId, t AS TokenId, v AS Provider, m AS Model,
            SUM(requests) AS Requests, SUM(refused) AS Refused, SUM(errors) AS Errors,
            SUM(prompt_tokens) AS PromptTokens, SUM(completion_tokens) AS CompletionTokens,
            SUM(cached_tokens) AS CachedTokens, SUM(cache_written_tokens) AS CacheWrittenTokens,
            SUM(reasoning_tokens) AS ReasoningTokens, SUM(audio_prompt_tokens) AS AudioPromptTokens,
            SUM(audio_completion_tokens) AS AudioCompletionTokens, SUM(cost) AS Cost, SUM(unpriced) AS Unpriced,
            SUM(counted) AS Counted, SUM(unmeasured) AS Unmeasured
        FROM grouped
        WHERE (s, p, t, v, m) > (@AfterStart, @AfterProjectId, @AfterTokenId, @AfterProvider, @AfterModel)
        GROUP BY s, p, t, v, m ORDER BY s, p, t, v, m LIMIT @Limit
        """;

    private const string Key = "start, project_id, token_id, provider, model";

    /// <summary>
    /// Adds a batch to all three tables, in one transaction. The same batch again adds nothing, so a batch may be sent
    /// until the answer comes. False when it was there already.
    /// </summary>
    /// <param name="writer">Names a run of the program.</param>
    /// <param name="number">Of the batch; each one is higher than the one before.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="minutes">The sums of minutes.</param>
    public Task<bool> AddAsync(string writer, long number, long now, IReadOnlyList<UsageRow> minutes)
    {
        var (hours, days) = (SumUp(minutes, UsageInterval.Hour), SumUp(minutes, UsageInterval.Day));
        return database.WriteAsync((connection, transaction) =>
        {
            var isNew = connection.Execute("""
                INSERT INTO usage_batches (writer, number, written_at) VALUES (@writer, @number, @now)
                ON CONFLICT (writer) DO UPDATE SET number = excluded.number, written_at = excluded.written_at
                    WHERE usage_batches.number < excluded.number
                """, new { writer, number, now }, transaction) == 1;
            if (isNew)
            {
                connection.Execute($"INSERT INTO usage_minutes ({Columns}) {Values}", minutes, transaction);
                connection.Execute($"INSERT INTO usage_hours ({Columns}) {Values}", hours, transaction);
                connection.Execute($"INSERT INTO usage_days ({Columns}) {Values}", days, transaction);
            }

            return isNew;
        });
    }

    /// <summary>A page of sums, in the order of start, project, token, provider, model.</summary>
    public Task<List<UsageRow>> SumAsync(UsageInterval table, UsageQuery query, CancellationToken aborted) =>
        database.ReadAsync(
            connection => table switch
            {
                UsageInterval.Minute =>
                    connection.Query<UsageRow>($"{Groups} usage_minutes {Sums}", query).ToList(),
                UsageInterval.Hour =>
                    connection.Query<UsageRow>($"{Groups} usage_hours {Sums}", query).ToList(),
                _ => connection.Query<UsageRow>($"{Groups} usage_days {Sums}", query).ToList(),
            },
            aborted);

    /// <summary>
    /// Deletes what began before these times, a bounded number of rows of each table; true when there may be more.
    /// </summary>
    public Task<bool> SweepAsync(long minutesBefore, long hoursBefore, long daysBefore, long batchesBefore) =>
        database.WriteAsync((connection, transaction) =>
        {
            connection.Execute(
                "DELETE FROM usage_batches WHERE written_at < @batchesBefore", new { batchesBefore }, transaction);
            var minutes = connection.Execute($"""
                DELETE FROM usage_minutes WHERE ({Key}) IN (
                    SELECT {Key} FROM usage_minutes WHERE start < @minutesBefore ORDER BY {Key} LIMIT @SweptMax)
                """, new { minutesBefore, SweptMax }, transaction);
            var hours = connection.Execute($"""
                DELETE FROM usage_hours WHERE ({Key}) IN (
                    SELECT {Key} FROM usage_hours WHERE start < @hoursBefore ORDER BY {Key} LIMIT @SweptMax)
                """, new { hoursBefore, SweptMax }, transaction);
            var days = connection.Execute($"""
                DELETE FROM usage_days WHERE ({Key}) IN (
                    SELECT {Key} FROM usage_days WHERE start < @daysBefore ORDER BY {Key} LIMIT @SweptMax)
                """, new { daysBefore, SweptMax }, transaction);
            return Math.Max(minutes, Math.Max(hours, days)) == SweptMax;
        });

    private static List<UsageRow> SumUp(IReadOnlyList<UsageRow> minutes, UsageInterval interval)
    {
        var sums = new Dictionary<(long, string, string, string, string), UsageRow>();
        foreach (var minute in minutes)
        {
            var start = interval.Floor(minute.Start);
            var key = (start, minute.ProjectId, minute.TokenId, minute.Provider, minute.Model);
            if (!sums.TryGetValue(key, out var sum))
            {
                sum = new UsageRow
                {
                    Start = start,
                    ProjectId = minute.ProjectId,
                    TokenId = minute.TokenId,
                    Provider = minute.Provider,
                    Model = minute.Model,
                };
                sums.Add(key, sum);
            }

            sum.Add(minute);
        }

        return [.. sums.Values];
    }
}
