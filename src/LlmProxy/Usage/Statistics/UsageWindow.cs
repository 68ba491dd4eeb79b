using System.Globalization;

namespace LlmProxy.Usage.Statistics;

/// <summary>
/// Which table a question about usage is answered from, and for which time. A later page has the window of the first
/// one, however late it is asked for.
/// </summary>
/// <param name="Table">The table.</param>
/// <param name="From">Unix milliseconds, at the beginning of an interval of the table.</param>
/// <param name="To">Unix milliseconds, at the beginning of an interval of the table; no longer part of it.</param>
internal sealed record UsageWindow(UsageInterval Table, long From, long To)
{
    // Control characters are in no label and no name of a provider.
    private const char Separator = '\n';

    // The last day that a time can name has no day after it.
    private static readonly long TimeMax =
        new DateTimeOffset(9999, 12, 31, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    public static readonly TimeSpan FromDefault = TimeSpan.FromDays(30);

    /// <summary>
    /// The window of a first page. It begins no earlier than its table does, because half of a time would look like
    /// the whole of it.
    /// </summary>
    public static UsageWindow Of(
        UsageInterval? interval, DateTimeOffset? from, DateTimeOffset? to, UsageRetention retention, DateTimeOffset now)
    {
        var nowMillis = now.ToUnixTimeMilliseconds();
        var fromMillis = (from ?? now - FromDefault).ToUnixTimeMilliseconds();
        var table = interval ?? retention.FinestSince(fromMillis, nowMillis);
        var end = Math.Min(TimeMax, table.Ceiling((to ?? now).ToUnixTimeMilliseconds()));
        var begin = Math.Max(table.Floor(fromMillis), retention.Begin(table, nowMillis));
        return new UsageWindow(table, Math.Min(begin, end), end);
    }

    /// <summary>Where the next page goes on, for its cursor.</summary>
    public string PositionAfter(UsageRow last) => string.Join(
        Separator, ((int)Table).ToString(CultureInfo.InvariantCulture), Text(From), Text(To), Text(last.Start),
        last.ProjectId, last.TokenId, last.Provider, last.Model);

    /// <summary>The window of a later page, and the question from where it goes on.</summary>
    /// <param name="position">What <see cref="PositionAfter"/> wrote; cursors are sealed, so it is as it was.</param>
    /// <param name="query">The question of the first page.</param>
    public static (UsageWindow Window, UsageQuery Query) Resume(string position, UsageQuery query)
    {
        var parts = position.Split(Separator);
        var window = new UsageWindow((UsageInterval)Number(parts[0]), Number(parts[1]), Number(parts[2]));
        return (window, query with
        {
            AfterStart = Number(parts[3]),
            AfterProjectId = parts[4],
            AfterTokenId = parts[5],
            AfterProvider = parts[6],
            AfterModel = parts[7],
        });
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
