namespace LlmProxy.Http;

/// <summary>
/// The outermost step: whatever escapes becomes one answer and one log line. A client's fault keeps its 4xx; a client
/// that left is not a failure; everything else is a 500 that says nothing but the request's id.
/// </summary>
internal static partial class FailureBoundary
{
    public static IApplicationBuilder UseFailureBoundary(this IApplicationBuilder app)
    {
        var log = app.ApplicationServices.GetRequiredService<ILoggerFactory>().CreateLogger("LlmProxy.Http");
        return app.Use((http, next) => RunAsync(http, next, log));
    }

    private static async Task RunAsync(HttpContext http, RequestDelegate next, ILogger log)
    {
        try
        {
            await next(http);
        }
        catch (BadHttpRequestException fault)
        {
            await AnswerAsync(http, FaultFor(fault));
        }
#pragma warning disable CA1031 // The one place where every failure of a request ends.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            if (http.RequestAborted.IsCancellationRequested)
            {
                LogClientLeft(log, http.TraceIdentifier);
                return;
            }

            LogFailure(log, failure, http.TraceIdentifier);
            await AnswerAsync(http, Refusal.InternalError);
        }
    }

    /// <summary>The refusal for what Kestrel found wrong with a request while its body was read.</summary>
    public static Refusal FaultFor(BadHttpRequestException fault) => fault.StatusCode switch
    {
        StatusCodes.Status408RequestTimeout => Refusal.RequestTimeout,
        StatusCodes.Status413PayloadTooLarge => Refusal.RequestTooLarge,
        _ => Refusal.InvalidFraming,
    };

    private static async Task AnswerAsync(HttpContext http, Refusal refusal)
    {
        if (http.Response.HasStarted)
        {
            // Nobody can answer any more; an aborted connection is the only honest end.
            http.Abort();
            return;
        }

        http.Response.Headers.ContentLength = null;
        await refusal.WriteToAsync(http.Response);
    }

    [LoggerMessage(1, LogLevel.Error, "Request {RequestId} failed")]
    private static partial void LogFailure(ILogger log, Exception failure, string requestId);

    [LoggerMessage(2, LogLevel.Debug, "The client of request {RequestId} left")]
    private static partial void LogClientLeft(ILogger log, string requestId);
}
