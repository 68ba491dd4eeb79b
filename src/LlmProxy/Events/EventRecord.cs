namespace LlmProxy.Events;

/// <summary>An event in its JSON form, on its way.</summary>
/// <param name="Id">Its <c>event_id</c>.</param>
/// <param name="Json">One line, without the line feed.</param>
internal sealed record EventRecord(string Id, ReadOnlyMemory<byte> Json)
{
    /// <summary>Parsed anew at each call; null when it cannot be.</summary>
    public ExchangeEvent? Parse() => EventJson.TryRead(Json.Span);
}
