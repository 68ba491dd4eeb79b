using System.Security.Cryptography;
using System.Text;
using LlmProxy.Dispatching.Sinks;
using LlmProxy.Secrets;
using LlmProxy.Settings;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Dispatching.Sinks;

public sealed class WebhookSinkTests
{
    [Fact]
    public async Task The_events_go_as_they_are()
    {
        await using var service = await FakeService.StartAsync();
        await using var sink = Given.Sink("webhook", service);
        var batch = Given.Records(2);

        var outcomes = await sink.DeliverAsync([.. batch]);

        Assert.Equal(["Accepted", "Accepted"], outcomes);
        var events = batch.Select(static record => Encoding.UTF8.GetString(record.Json.Span));
        Assert.Equal(
            $$"""{"events":[{{string.Join(',', events)}}]}""",
            Encoding.UTF8.GetString(Assert.Single(service.Received).Body));
    }

    // The example of https://github.com/standard-webhooks/standard-webhooks (libraries, "sign" tests).
    [Fact]
    public void The_signature_is_that_of_the_specifications_own_example()
    {
        var key = WebhookKey.Parse(new Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));

        var signature = key.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.", """{"test": 2432232314}"""u8);

        Assert.Equal("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", signature);
    }

    [Fact]
    public async Task A_receiver_can_verify_what_it_gets()
    {
        var clock = new FakeTimeProvider(Given.Start);
        await using var service = await FakeService.StartAsync();
        await using var sink = Given.Sink("webhook", service.Address, clock, SinkPost.DefaultPatience);

        await sink.DeliverAsync(Given.Record(Given.Chat()));

        var post = Assert.Single(service.Received);
        var signed = Encoding.UTF8.GetBytes($"{post.Headers["webhook-id"]}.{post.Headers["webhook-timestamp"]}.");
        byte[] content = [.. signed, .. post.Body];
        var mac = HMACSHA256.HashData(Encoding.UTF8.GetBytes(Given.ApiKey), content);
        Assert.Equal($"v1,{Convert.ToBase64String(mac)}", post.Headers["webhook-signature"]);
        Assert.Equal($"{Given.Start.ToUnixTimeSeconds()}", post.Headers["webhook-timestamp"]);
        Assert.DoesNotContain('.', post.Headers["webhook-id"]);
    }

    [Fact]
    public async Task The_same_batch_has_the_same_id_and_another_has_another()
    {
        await using var service = await FakeService.StartAsync();
        await using var sink = Given.Sink("webhook", service);
        var batch = Given.Records(2);

        await sink.DeliverAsync([.. batch]);
        await sink.DeliverAsync([.. batch]);
        await sink.DeliverAsync(batch[0]);

        var ids = service.Received.Select(static post => post.Headers["webhook-id"]).ToList();
        Assert.Equal(ids[0], ids[1]);
        Assert.NotEqual(ids[0], ids[2], StringComparer.Ordinal);
    }

    [Fact]
    public async Task A_refusal_of_several_does_not_say_whose_fault_it_is()
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = static _ => new FakeAnswer(422);
        await using var sink = Given.Sink("webhook", service);

        Assert.Equal(
            ["RefusedTogether HTTP 422", "RefusedTogether HTTP 422"], await sink.DeliverAsync([.. Given.Records(2)]));
        Assert.Equal(["Refused HTTP 422"], await sink.DeliverAsync([.. Given.Records(1)]));
    }

    [Fact]
    public async Task A_slow_answer_is_not_waited_for_once_it_says_that_all_is_well()
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = static _ => new FakeAnswer(200) { IsSlow = true };
        await using var sink = Given.Sink("webhook", service);

        Assert.Equal(["Accepted"], await sink.DeliverAsync(Given.Record(Given.Chat())));
    }

    [Theory]
    [InlineData("whsec_")]
    [InlineData("whsec_not base64!")]
    public void A_key_that_is_none_stops_the_start(string key)
    {
        var failure = Assert.Throws<StartFailure>(() => WebhookKey.Parse(new Secret(key)));

        Assert.Equal("--api-key: what follows whsec_ is not base64.", failure.Message);
    }
}
