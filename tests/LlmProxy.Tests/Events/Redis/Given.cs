using System.Globalization;
using System.Text;
using LlmProxy.Events;
using LlmProxy.Events.Redis;

namespace LlmProxy.Tests.Events.Redis;

/// <summary>Events to send.</summary>
internal static class Given
{
    public static readonly Guid Sender = Guid.CreateVersion7();

    public static EventRecord Event(long number, int bytes = 100) => new(
        Id(number),
        Encoding.UTF8.GetBytes($$"""{"event_id":"{{Id(number)}}","text":"{{new string('x', bytes)}}"}"""));

    public static string Id(long number) => string.Create(CultureInfo.InvariantCulture, $"event-{number:D8}");

    public static List<string> Ids(int from, int count) =>
        [.. Enumerable.Range(from, count).Select(static number => Id(number))];

    public static OutgoingEvent Outgoing(long number, int bytes = 100, Guid? sender = null) =>
        new(sender ?? Sender, number, Event(number, bytes));

    public static List<OutgoingEvent> Batch(int from, int count, int bytes = 100) =>
        [.. Enumerable.Range(from, count).Select(number => Outgoing(number, bytes))];
}
