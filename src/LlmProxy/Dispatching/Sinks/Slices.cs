namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// Cuts a batch into requests that a service takes. When one of them is put off, the rest is not even tried: it would
/// be put off too, and each attempt may last half a minute.
/// </summary>
/// <param name="bytesMax">How long the pieces of a request may be together; one that is longer goes alone.</param>
/// <param name="eventsMax">How many events a request may have.</param>
internal sealed class Slices(int bytesMax, int eventsMax)
{
    /// <param name="pieces">Each event in the service's form; null for one that cannot be read.</param>
    /// <param name="send">Sends some of them, by their places, and says what became of each.</param>
    public async Task<IReadOnlyList<DeliveryOutcome>> SendAsync(
        IReadOnlyList<byte[]?> pieces, Func<IReadOnlyList<int>, Task<IReadOnlyList<DeliveryOutcome>>> send)
    {
        var outcomes = new DeliveryOutcome[pieces.Count];
        DeliveryOutcome? putOff = null;
        foreach (var slice in Cut(pieces))
        {
            var said = putOff is { } same ? Enumerable.Repeat(same, slice.Count).ToList() : await send(slice);
            for (var index = 0; index < slice.Count; index++)
            {
                outcomes[slice[index]] = said[index];
            }

            putOff ??= said.All(static outcome => outcome.Verdict == Verdict.TryLater) ? said[0] : null;
        }

        foreach (var (index, piece) in pieces.Index())
        {
            outcomes[index] = piece is null ? DeliveryOutcome.Refused("unreadable event") : outcomes[index];
        }

        return outcomes;
    }

    /// <summary>The same outcome for each of them; a refusal of more than one does not say whose fault it is.</summary>
    public static IReadOnlyList<DeliveryOutcome> Same(DeliveryOutcome outcome, int events) =>
        [.. Enumerable.Repeat(
            outcome.Verdict == Verdict.Refused && events > 1
                ? DeliveryOutcome.RefusedTogether(outcome.Reason ?? string.Empty)
                : outcome,
            events)];

    private IEnumerable<IReadOnlyList<int>> Cut(IReadOnlyList<byte[]?> pieces)
    {
        var slice = new List<int>();
        var bytes = 0L;
        foreach (var (index, piece) in pieces.Index())
        {
            if (piece is null)
            {
                continue;
            }

            if (slice.Count == eventsMax || (slice.Count > 0 && bytes + piece.Length > bytesMax))
            {
                yield return slice;
                (slice, bytes) = ([], 0);
            }

            slice.Add(index);
            bytes += piece.Length;
        }

        if (slice.Count > 0)
        {
            yield return slice;
        }
    }
}
