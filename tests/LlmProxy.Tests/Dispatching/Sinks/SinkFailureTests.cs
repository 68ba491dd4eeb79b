using LlmProxy.Dispatching;
using LlmProxy.Dispatching.Sinks;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Dispatching.Sinks;

/// <summary>All that can happen on the way to a service, for each of them.</summary>
public sealed class SinkFailureTests
{
    public static TheoryData<string> Services => ["lunary", "helicone", "webhook", "otlp"];

    public static MatrixTheoryData<string, int> Transient =>
        new(["lunary", "helicone", "webhook"], [408, 425, 429, 500, 502, 503, 504, 599]);

    public static MatrixTheoryData<string, int> ForGood =>
        new(["lunary", "helicone", "webhook", "otlp"], [301, 302, 400, 401, 403, 404, 405, 409, 410, 413, 422]);

    [Theory]
    [MemberData(nameof(Transient))]
    public async Task What_passes_is_tried_later(string name, int status)
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = _ => new FakeAnswer(status, "secret of the body");
        await using var sink = Given.Sink(name, service);

        Assert.Equal([$"TryLater HTTP {status}"], await sink.DeliverAsync(Given.Record(Given.Chat())));
    }

    [Theory]
    [MemberData(nameof(ForGood))]
    public async Task What_does_not_pass_is_refused_and_no_redirect_is_followed(string name, int status)
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = _ => new FakeAnswer(status, "secret of the body")
        {
            Headers = [("Location", service.Address + "elsewhere"), ("Retry-After", "5")],
        };
        await using var sink = Given.Sink(name, service);

        Assert.Equal([$"Refused HTTP {status}"], await sink.DeliverAsync(Given.Record(Given.Chat())));
        Assert.Single(service.Received);
    }

    [Theory]
    [InlineData("lunary")]
    [InlineData("webhook")]
    [InlineData("otlp")]
    public async Task A_batch_that_is_refused_as_a_whole_does_not_say_whose_fault_it_is(string name)
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = static _ => new FakeAnswer(400);
        await using var sink = Given.Sink(name, service);

        var outcomes = await sink.DeliverAsync(
            Given.Record(Given.Chat()), Given.Unreadable(), Given.Record(Given.Chat()));

        Assert.Equal(
            ["RefusedTogether HTTP 400", "Refused unreadable event", "RefusedTogether HTTP 400"], outcomes);
    }

    [Theory]
    [InlineData("7", 7)]
    [InlineData("0", 0)]
    [InlineData("999999", 3600)]
    [InlineData("Sat, 14 Mar 2026 15:10:26 GMT", 59.465)]
    [InlineData("Sat, 14 Mar 2026 15:00:00 GMT", 0)]
    public async Task What_a_service_asks_for_is_passed_on_up_to_an_hour(string asked, double seconds)
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = _ => new FakeAnswer(429) { Headers = [("Retry-After", asked)] };
        await using var sink = Given.Sink(
            "webhook", service.Address, new FakeTimeProvider(Given.Start), SinkPost.DefaultPatience);

        var outcomes = await sink.DeliverAsync(Given.Records(1), TestContext.Current.CancellationToken);

        Assert.Equal(
            DeliveryOutcome.TryLater("HTTP 429", TimeSpan.FromSeconds(seconds)), Assert.Single(outcomes));
    }

    [Theory]
    [InlineData("soon")]
    [InlineData("-1")]
    [InlineData("")]
    public async Task What_nobody_understands_is_not_passed_on(string asked)
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = _ => new FakeAnswer(503) { Headers = [("Retry-After", asked)] };
        await using var sink = Given.Sink("webhook", service);

        var outcomes = await sink.DeliverAsync(Given.Records(1), TestContext.Current.CancellationToken);

        Assert.Equal(DeliveryOutcome.TryLater("HTTP 503"), Assert.Single(outcomes));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task A_service_that_hangs_is_left_after_thirty_seconds(string name)
    {
        var clock = new FakeTimeProvider(Given.Start);
        await using var service = await FakeService.StartAsync();
        service.Answer = static _ => new FakeAnswer(200) { Wait = new TaskCompletionSource().Task };
        await using var sink = Given.Sink(name, service.Address, clock, SinkPost.DefaultPatience);

        var delivery = sink.DeliverAsync(Given.Record(Given.Chat()));
        await service.FirstRequest.WaitAsync(TestContext.Current.CancellationToken);
        clock.Advance(TimeSpan.FromSeconds(29));
        var before = delivery.IsCompleted;
        clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(["TryLater timeout"], await delivery);
        Assert.False(before);
    }

    [Theory]
    [InlineData("lunary")]
    [InlineData("helicone")]
    [InlineData("otlp")]
    public async Task An_answer_of_a_hundred_bytes_a_second_holds_nobody_longer(string name)
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = static _ => new FakeAnswer(200) { IsSlow = true };
        await using var sink = Given.Sink(
            name, service.Address, TimeProvider.System, TimeSpan.FromMilliseconds(500));
        var start = TimeProvider.System.GetTimestamp();

        var outcomes = await sink.DeliverAsync(Given.Record(Given.Chat()));

        Assert.Equal(["TryLater timeout"], outcomes);
        Assert.InRange(TimeProvider.System.GetElapsedTime(start).TotalSeconds, 0.4, 10);
    }

    [Theory]
    [InlineData("lunary")]
    [InlineData("helicone")]
    [InlineData("otlp")]
    public async Task Of_an_endless_answer_only_the_beginning_is_read(string name)
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = static _ => new FakeAnswer(200, new string(' ', 50_000_000));
        await using var sink = Given.Sink(name, service);

        var outcomes = await sink.DeliverAsync(Given.Record(Given.Chat()));

        Assert.Equal([name == "lunary" ? "TryLater not Lunary's answer" : "Accepted"], outcomes);
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task A_connection_that_is_torn_down_is_tried_later(string name)
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = static _ => new FakeAnswer(200) { IsBroken = true };
        await using var sink = Given.Sink(name, service);

        Assert.Equal(["TryLater connection closed"], await sink.DeliverAsync(Given.Record(Given.Chat())));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task A_service_that_is_not_there_is_tried_later(string name)
    {
        var gone = await FakeService.StartAsync();
        await gone.DisposeAsync();
        await using var sink = Given.Sink(name, gone);

        Assert.Equal(["TryLater connection refused"], await sink.DeliverAsync(Given.Record(Given.Chat())));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task A_name_that_nobody_knows_is_tried_later(string name)
    {
        await using var sink = Given.Sink(
            name, new Uri("http://no-such-host.invalid/"), TimeProvider.System, SinkPost.DefaultPatience);

        Assert.Equal(["TryLater name not found"], await sink.DeliverAsync(Given.Record(Given.Chat())));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task A_certificate_that_nobody_vouches_for_is_tried_later_and_sees_nothing(string name)
    {
        await using var service = await FakeService.StartAsync(withTls: true);
        await using var sink = Given.Sink(name, service);

        Assert.Equal(["TryLater TLS"], await sink.DeliverAsync(Given.Record(Given.Chat())));
        Assert.Empty(service.Received);
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task A_service_that_does_not_speak_tls_is_tried_later(string name)
    {
        await using var service = await FakeService.StartAsync();
        var secured = new UriBuilder(service.Address) { Scheme = "https" }.Uri;
        await using var sink = Given.Sink(name, secured, TimeProvider.System, SinkPost.DefaultPatience);

        Assert.Equal(["TryLater TLS"], await sink.DeliverAsync(Given.Record(Given.Chat())));
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task Who_stops_in_the_middle_is_told_that_nobody_knows(string name)
    {
        using var stop = new CancellationTokenSource();
        await using var service = await FakeService.StartAsync();
        service.Answer = static _ => new FakeAnswer(200) { Wait = new TaskCompletionSource().Task };
        await using var sink = Given.Sink(name, service);

        var delivery = sink.DeliverAsync([Given.Record(Given.Chat())], stop.Token);
        await service.FirstRequest.WaitAsync(TestContext.Current.CancellationToken);
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => delivery);
    }

    [Theory]
    [InlineData("lunary")]
    [InlineData("webhook")]
    [InlineData("otlp")]
    public async Task When_a_part_of_a_batch_is_put_off_the_rest_is_not_even_tried(string name)
    {
        var text = new string('x', 3_000_000);
        var batch = Enumerable.Range(0, 6)
            .Select(_ => Given.Record(Given.Chat($$"""{"text":"{{text}}"}""")))
            .ToArray();
        await using var service = await FakeService.StartAsync();
        service.Answer = static _ => new FakeAnswer(503);
        await using var sink = Given.Sink(name, service);

        var outcomes = await sink.DeliverAsync(batch);

        Assert.All(outcomes, static outcome => Assert.Equal("TryLater HTTP 503", outcome));
        Assert.Single(service.Received);
    }

    [Theory]
    [MemberData(nameof(Services))]
    public async Task An_empty_batch_costs_no_request(string name)
    {
        await using var service = await FakeService.StartAsync();
        await using var sink = Given.Sink(name, service);

        Assert.Empty(await sink.DeliverAsync());
        Assert.Empty(service.Received);
    }
}
